"""The last seconds of sound, put together from unstamped blocks."""

from __future__ import annotations

import threading

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS

SAMPLE_RATE = 16000  # [Hz] of the sound that policies hear
AUDIO_WINDOW_S = 2.0  # [s] what the audio encoder hears


class AudioBuffer:
    """The last seconds of sound.

    Audio messages carry no stamp, so the arrival time of the first block fixes the end of that block, and later blocks are taken to follow
    each other without a gap: jitter of the transport does not tear the sound. Only when a block arrives more than
    `gap_s` away from where it should, the buffer moves its clock to the arrival time; if sound was lost, silence takes its place.

    Args:
        sample_rate: [Hz].
        horizon_s: [s] how far back to remember.
        gap_s: [s] tolerated difference between a block's arrival and its place in the stream.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE, horizon_s: float = 4.0, gap_s: float = 0.1) -> None:
        self.sample_rate = sample_rate
        self._capacity = round(horizon_s * sample_rate)
        self._gap = round(gap_s * NANOSECONDS)
        self._lock = threading.Lock()
        self._samples = np.zeros(2 * self._capacity, np.float32)  # filled from the left; when full, the newest half moves to the left end
        self._count = 0
        self._end: int | None = None  # [ns] the time at which the newest sample ends
        self.gaps = 0  # times that the clock was moved

    def add(self, arrival: int, samples: np.ndarray) -> None:
        """Append one mono block, int16 or float32 in [-1, 1], which arrived at `arrival` [ns].

        Raises:
            ObservationError: another shape or type, or a sample is not finite.
        """
        block = _as_float(samples)
        with self._lock:
            duration = len(block) * NANOSECONDS // self.sample_rate
            if self._end is None:
                self._end = arrival - duration
            drift = arrival - (self._end + duration)
            if abs(drift) > self._gap:
                self.gaps += 1
                if drift < -JUMP_BACK_S * NANOSECONDS:  # time was reset
                    self._count = 0
                elif drift > 0:
                    self._append(np.zeros(min(drift * self.sample_rate // NANOSECONDS, self._capacity), np.float32))
                self._end = arrival - duration
            self._append(block)
            self._end += duration

    def _append(self, block: np.ndarray) -> None:
        block = block[-self._capacity :]
        if self._count + len(block) > len(self._samples):
            kept = self._capacity - len(block)
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
        """The last `seconds` of sound before `end` [ns]: float32 (seconds * sample_rate,), silence on the left where nothing was heard yet.

        When `end` is later than the newest sample, the window ends with the newest sample: an image usually overtakes the
        block of sound that was recorded with it, and silence on the right would put a click into every window.
        """
        size = round(seconds * self.sample_rate)
        out = np.zeros(size, np.float32)
        with self._lock:
            if self._end is None:
                return out
            newer = max(0, round((self._end - end) * self.sample_rate / NANOSECONDS))
            oldest = self._count - min(self._count, self._capacity)
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
