"""From what a microphone sends to what the audio encoder hears: one channel at 16 kHz.

Resampling is libsoxr's, through the library `soxr`, which is imported only if there is something to resample. It works on a stream: its
filter remembers the end of a block, so that the next one joins without a click, and what comes out does not depend on where blocks begin.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.sensing.audio_buffer import SAMPLE_RATE

PEAK = 2.0  # a float sample beyond this was not scaled to [-1, 1]


class SoundStream:
    """Blocks of interleaved channels in, mono blocks at 16 kHz out.

    Args:
        rate_hz: [Hz] sample rate of what comes in.
        channels: of what comes in; their mean is taken.

    Raises:
        ConfigError: the library that resamples is not installed.
    """

    def __init__(self, rate_hz: int = SAMPLE_RATE, channels: int = 1) -> None:
        self._rate = rate_hz
        self._channels = channels
        self._resampler = None
        if rate_hz != SAMPLE_RATE:
            try:
                import soxr
            except ImportError as error:
                raise ConfigError(
                    f"sound at {rate_hz} Hz needs a library to become {SAMPLE_RATE} Hz, and it is missing; `pip install 'soxr>=1,<2'`"
                ) from error
            self._resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32")

    def convert(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """The next block, with `samples` (frames * channels,) int16, or float32 in [-1, 1].

        Returns:
            Mono samples (n,) at 16 kHz, n = 0 while the filter fills, and how much earlier [ns] than the block they end:
            the filter keeps up to about 40 ms of sound at 48 kHz, 110 ms at 8 kHz.

        Raises:
            ObservationError: no whole number of frames, or floats that are not finite or not scaled.
        """
        if len(samples) % self._channels:
            raise ObservationError(f"audio: block of {len(samples)} samples, needs a multiple of {self._channels} channels", ("audio",))
        if samples.dtype == np.float32 and not np.all(np.abs(samples) <= PEAK):  # also refuses NaN
            raise ObservationError(f"audio: a sample is {np.abs(samples).max()}, needs floats in [-1, 1]", ("audio",))
        if self._channels == 1 and self._resampler is None:
            return samples, 0
        mono = samples.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        if samples.dtype == np.int16:
            mono /= 32768.0
        if self._resampler is None:
            return mono, 0
        resampled = self._resampler.resample_chunk(mono)
        return resampled, round(1e9 * self._resampler.delay() / SAMPLE_RATE)
