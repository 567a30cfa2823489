"""Sound of any rate and number of channels becomes one channel at 16 kHz."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.runtime.decoding.sound import SoundStream


def sine(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2.0 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def in_blocks(stream: SoundStream, samples: np.ndarray, borders: list[int]) -> np.ndarray:
    return np.concatenate([stream.convert(block)[0] for block in np.split(samples, borders)])


@given(
    rate=st.sampled_from([8000, 22050, 44100, 48000]),
    borders=st.lists(st.integers(1, 7999), max_size=20, unique=True).map(sorted),
)
def test_where_blocks_begin_makes_no_difference(rate: int, borders: list[int]) -> None:
    samples = sine(440.0, rate)
    whole = soxr.resample(samples, rate, 16000)
    streamed = in_blocks(SoundStream(rate), samples, borders)
    assert len(streamed) > 0.85 * len(whole), "only what the filter keeps is missing"
    np.testing.assert_allclose(streamed, whole[: len(streamed)], atol=1e-6)


def test_a_sine_comes_out_as_the_same_sine_in_time() -> None:
    streamed = in_blocks(SoundStream(48000), sine(440.0, 48000), list(range(960, 48000, 960)))
    ideal = sine(440.0, 16000)
    settled = slice(200, len(streamed))  # the stream begins out of silence
    np.testing.assert_allclose(streamed[settled], ideal[settled], atol=1e-3)


def test_the_delay_says_what_the_filter_still_keeps() -> None:
    stream, received, sent = SoundStream(44100), 0, 0
    for block in np.split(sine(440.0, 44100), 100):
        samples, delay = stream.convert(block)
        received, sent = received + len(block), sent + len(samples)
        assert delay * 1e-9 == pytest.approx(received / 44100 - sent / 16000, abs=1e-4)
        assert 0 <= delay < 60_000_000


@pytest.mark.parametrize("rate", [16000, 48000])
def test_channels_are_averaged_and_int16_is_scaled(rate: int) -> None:
    left, right = sine(300.0, rate), sine(500.0, rate)
    both = np.stack([left, right], axis=1).reshape(-1)
    streamed = in_blocks(SoundStream(rate, 2), (both * 32767).astype(np.int16), [rate // 2])
    expected = soxr.resample((left + right) / 2, rate, 16000)[: len(streamed)]
    np.testing.assert_allclose(streamed, expected, atol=2e-4)
    assert streamed.dtype == np.float32


def test_sound_that_is_right_already_passes_untouched() -> None:
    samples = np.arange(320, dtype=np.int16)
    converted, delay = SoundStream().convert(samples)
    assert converted is samples and delay == 0


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        (np.zeros(961, np.int16), "block of 961 samples, needs a multiple of 2 channels"),
        (np.full(960, np.nan, np.float32), r"a sample is nan, needs floats in \[-1, 1\]"),
        (np.full(960, 3000.0, np.float32), r"a sample is 3000.0, needs floats in \[-1, 1\]"),
    ],
)
def test_other_blocks_are_refused_and_leave_the_stream_as_it_was(samples: np.ndarray, text: str) -> None:
    stream, good = SoundStream(48000, 2), np.repeat(sine(440.0, 48000), 2)
    before = stream.convert(good[:48000])[0]
    with pytest.raises(ObservationError, match=text) as error:
        stream.convert(samples)
    assert error.value.inputs == ("audio",)
    streamed = np.concatenate([before, stream.convert(good[48000:])[0]])
    np.testing.assert_allclose(streamed, soxr.resample(sine(440.0, 48000), 48000, 16000)[: len(streamed)], atol=1e-6)


def test_without_the_library_only_16_khz_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)  # as if it were not installed
    SoundStream(16000, 2)
    with pytest.raises(ConfigError, match=r"sound at 48000 Hz needs a library .*`pip install 'soxr"):
        SoundStream(48000)
