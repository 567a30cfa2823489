"""The last seconds of sound, put together from unstamped blocks."""

from __future__ import annotations

import threading

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS

SAMPLE_RATE = 16000  # [Hz] of the sound that policies hear
AUDIO_WINDOW_S = 2.0  # [s] what the audio encoder hears
CAPACITY = 4 * SAMPLE_RATE  # samples that are remembered
GAP_S = 0.1  # [s] tolerated difference between a block's arrival and its place in the stream


class AudioBuffer:
    """Mono sound of `SAMPLE_RATE`.

    Audio messages carry no stamp, so the arrival time of the first block fixes the end of that block, and later blocks are taken to follow
    each other without a gap: jitter of the transport does not tear the sound. Only when a block arrives more than
    `GAP_S` away from where it should, the buffer moves its clock to the arrival time; if sound was lost, silence takes its place.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples = np.zeros(2 * CAPACITY, np.float32)  # filled from the left; when full, the newest half moves to the left end
        self._count = 0
        self._end: int | None = None  # [ns] the time at which the newest sample ends
        self.gaps = 0  # times that the clock was moved

    def add(self, arrival: int, samples: np.ndarray) -> None:
        """Append a block (samples,), int16 or finite float32 in [-1, 1], that arrived at `arrival` [ns]; ObservationError for any other."""
        block = _as_float(samples)
        with self._lock:
            duration = len(block) * NANOSECONDS // SAMPLE_RATE
            if self._end is None:
                self._end = arrival - duration
            drift = arrival - (self._end + duration)
            if abs(drift) > GAP_S * NANOSECONDS:
                self.gaps += 1
                if drift < -JUMP_BACK_S * NANOSECONDS:  # time was reset
                    self._count = 0
                elif drift > 0:
                    self._append(np.zeros(min(drift * SAMPLE_RATE // NANOSECONDS, CAPACITY), np.float32))
                self._end = arrival - duration
            self._append(block)
            self._end += duration

    def _append(self, block: np.ndarray) -> None:
        block = block[-CAPACITY:]
        if self._count + len(block) > len(self._samples):
            kept = CAPACITY - len(block)
            self._samples[:kept] = self._samples[self._count - kept : self._count]
            self._count = kept
        self._samples[self._count : self._count + len(block)] = block
        self._count += len(block)

    def forget_after(self, stamp: int) -> None:
        """Forget all sound if it ends later [ns]: unstamped, it is of one piece."""
        with self._lock:
            if self._end is not None and self._end > stamp:
                self._count, self._end = 0, None

    @property
    def latest_stamp(self) -> int | None:
        """[ns] the time at which the newest sample ends; None when there is none."""
        with self._lock:
            return self._end

    def window(self, end: int, seconds: float = AUDIO_WINDOW_S) -> np.ndarray:
        """The last `seconds` of sound before `end` [ns]: float32 (seconds * SAMPLE_RATE,), silence on the left where nothing was heard yet.

        When `end` is later than the newest sample, the window ends with the newest sample: an image usually overtakes the
        block of sound that was recorded with it, and silence on the right would put a click into every window.
        """
        size = round(seconds * SAMPLE_RATE)
        out = np.zeros(size, np.float32)
        with self._lock:
            if self._end is None:
                return out
            newer = max(0, round((self._end - end) * SAMPLE_RATE / NANOSECONDS))
            oldest = max(0, self._count - CAPACITY)
            stop = max(self._count - newer, oldest)
            start = max(stop - size, oldest)
            if stop > start:
                out[size - (stop - start) :] = self._samples[start:stop]
        return out


def _as_float(samples: np.ndarray) -> np.ndarray:
    if samples.ndim != 1:
        raise ObservationError(f"audio: block has shape {samples.shape}, needs (samples,) of one channel", ("audio",))
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768.0
    if samples.dtype != np.float32:
        raise ObservationError(f"audio: block has type {samples.dtype}, needs int16 or float32", ("audio",))
    if not np.isfinite(samples).all():
        raise ObservationError("audio: a sample is not finite", ("audio",))
    return samples
