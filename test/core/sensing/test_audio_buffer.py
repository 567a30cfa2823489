"""Sound from unstamped blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.audio_buffer import CAPACITY, AudioBuffer

MS = 1_000_000
S = 1_000_000_000


@given(blocks=st.lists(st.integers(1, 2000), min_size=1, max_size=60), jitter=st.lists(st.integers(-40, 40), min_size=60, max_size=60))
def test_blocks_that_arrive_with_jitter_are_put_together_without_a_seam(blocks: list[int], jitter: list[int]) -> None:
    total = sum(blocks)
    signal = np.sin(0.01 * np.arange(total)).astype(np.float32)
    buffer, start = AudioBuffer(), 0
    for size, late in zip(blocks, jitter, strict=False):
        end = start + size
        buffer.add(10 * S + end * S // 16000 + (late * MS if start else 0), signal[start:end])
        start = end
    assert buffer.gaps == 0
    kept = min(total, CAPACITY)
    window = buffer.window(buffer.latest_stamp or 0, CAPACITY / 16000)
    np.testing.assert_array_equal(window[CAPACITY - kept :], signal[total - kept :])
    assert not window[: CAPACITY - kept].any()


@given(shift=st.integers(0, 16000), size=st.integers(1, 16000))
def test_a_window_ends_at_the_asked_time(shift: int, size: int) -> None:
    signal = np.arange(1, 32001, dtype=np.float32)
    buffer = AudioBuffer()
    buffer.add(20 * S, signal)
    window = buffer.window(20 * S - shift * S // 16000, size / 16000)
    stop = 32000 - shift
    np.testing.assert_array_equal(window, signal[max(0, stop - size) : stop])


def test_a_window_in_the_future_ends_with_the_newest_sample() -> None:
    buffer = AudioBuffer()
    buffer.add(S, np.ones(160, np.float32))
    window = buffer.window(S + 20 * MS, 0.02)
    assert window.tolist() == [0.0] * 160 + [1.0] * 160


def test_a_window_before_everything_is_silent() -> None:
    buffer = AudioBuffer()
    assert not buffer.window(0, 0.1).any()
    buffer.add(S, np.ones(160, np.float32))
    assert not buffer.window(S // 2, 0.1).any()


def test_lost_sound_becomes_silence_of_the_same_length() -> None:
    buffer = AudioBuffer()
    buffer.add(S, np.ones(1600, np.float32))
    buffer.add(S + 500 * MS, np.ones(1600, np.float32))  # 0.4 s are missing
    assert buffer.gaps == 1 and buffer.latest_stamp == S + 500 * MS
    window = buffer.window(S + 500 * MS, 0.6)
    assert window.tolist() == [1.0] * 1600 + [0.0] * 6400 + [1.0] * 1600


def test_after_a_reset_of_time_nothing_old_is_heard() -> None:
    buffer = AudioBuffer()
    buffer.add(100 * S, np.ones(16000, np.float32))
    buffer.add(S, np.full(160, 0.5, np.float32))
    assert buffer.window(S, 0.1).tolist() == [0.0] * 1440 + [0.5] * 160


def test_sixteen_bit_samples_become_floats_below_one() -> None:
    buffer = AudioBuffer()
    buffer.add(S, np.array([-32768, 0, 16384, 32767], np.int16))
    assert buffer.window(S, 4 / 16000).tolist() == [-1.0, 0.0, 0.5, 32767 / 32768]


@pytest.mark.parametrize("block", [np.zeros((2, 160), np.int16), np.zeros(160, np.float64), np.full(160, np.nan, np.float32)])
def test_unusable_blocks_are_refused(block: np.ndarray) -> None:
    buffer = AudioBuffer()
    with pytest.raises(ObservationError, match="audio") as error:
        buffer.add(S, block)
    assert error.value.inputs == ("audio",) and buffer.latest_stamp is None
