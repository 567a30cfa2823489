"""What the page shows of sound, and what the command line accepts; the page itself runs in test/system."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from neon_control.sim.voice import SAMPLE_RATE
from neon_control.tools import cli
from neon_control.tools.demo_page import spectrogram, wav


def tone(frequency: float, seconds: float) -> np.ndarray:
    return (12000 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.int16)


@pytest.mark.parametrize("frequency", [500.0, 1500.0, 3500.0])
def test_a_tone_is_bright_at_its_own_height(frequency: float) -> None:
    picture = spectrogram(tone(frequency, 2.0)).astype(int).sum(axis=-1)
    assert picture.shape == (80, 320)
    row = int(picture[:, 160].argmax())
    assert (79 - row) / 79 * 4000 == pytest.approx(frequency, abs=80)


def test_time_runs_to_the_right_and_silence_is_dark() -> None:
    sound = np.concatenate([np.zeros(SAMPLE_RATE, np.int16), tone(1000.0, 1.0)])
    picture = spectrogram(sound).astype(int).sum(axis=-1)
    assert picture[:, 176:304].max() > 300
    assert picture[:, :144].max() == 0
    assert spectrogram(np.zeros(0, np.int16)).max() == 0


def test_the_offered_sound_is_a_readable_file() -> None:
    samples = tone(440.0, 0.5)
    with wave.open(io.BytesIO(wav(samples))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        assert np.array_equal(np.frombuffer(file.readframes(file.getnframes()), "<i2"), samples)


@pytest.mark.parametrize("arguments", [["--episodes", "0"], ["--seed", "-1"], ["--width", "nine"]])
def test_nonsense_on_the_command_line_is_refused_before_anything_starts(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", *arguments])
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_missing_folder_for_the_figures_is_found_at_once_not_after_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--headless", "--json", "no/such/folder/out.json"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_missing_parameter_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--headless", "--params-file", "nowhere.yaml"]) == 2
    assert "no such file: nowhere.yaml" in capsys.readouterr().err
