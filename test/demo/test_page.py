"""What the demo's command line accepts, and the sound that its page offers; the page itself runs in test/system."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from neon_control.core.sensing.audio_buffer import SAMPLE_RATE
from neon_control.demo.page import wav
from neon_control.tools import cli


@pytest.mark.parametrize("arguments", [["--episodes", "0"], ["--seed", "-1"], ["--width", "nine"]])
def test_nonsense_on_the_command_line_is_refused_before_anything_starts(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", *arguments])
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_missing_folder_for_the_figures_is_found_at_once_not_after_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", "--headless", "--json", "no/such/folder/out.json"])
    assert caught.value.code == 2
    assert "--json: needs a file in a folder that exists, got 'no/such/folder/out.json'" in capsys.readouterr().err


def test_a_missing_parameter_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--headless", "--params-file", "nowhere.yaml"]) == 2
    assert "no such file: nowhere.yaml" in capsys.readouterr().err


def test_the_offered_sound_is_a_readable_file() -> None:
    samples = (0.36 * np.sin(2 * np.pi * 440.0 * np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE)).astype(np.float32)
    with wave.open(io.BytesIO(wav(samples))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.allclose(read / 32767.0, samples, atol=1e-4)
