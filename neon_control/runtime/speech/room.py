"""Somebody who says something again and again, in a room that is never silent: loops of sound, drawn at random."""

from __future__ import annotations

import numpy as np

from neon_control.core.sensing.audio_buffer import SAMPLE_RATE

# Speeds and pitches are drawn from short lists so that the cache of spoken phrases is soon complete.
RATES_WPM = (140, 155, 170, 185, 200)
PITCHES = (30, 42, 54, 66)
GAP_S = (0.15, 0.45)  # [s] silence between repetitions
SPEECH_DB = (-27.0, -15.0)  # [dBFS] root mean square of the spoken phrase
PEAK = 0.9  # of full scale: speech never clips
NOISE_DB = (-66.0, -40.0)  # [dBFS] root mean square of the background
LOOP_S = 4  # [s] the background repeats; a whole number of seconds joins 50 and 60 Hz hum without a click


def repeated(rng: np.random.Generator, samples: np.ndarray, gap: int) -> np.ndarray:
    """Speech (n,) int16 and a gap of so many samples: (n + gap,) float32 in [-1, 1], of random loudness, whose echo wraps around."""
    dry = np.zeros(len(samples) + gap, np.float32)
    dry[: len(samples)] = samples
    gain = 10.0 ** (rng.uniform(*SPEECH_DB) / 20.0) / np.sqrt(np.mean(dry[: len(samples)] ** 2))
    wet = _reverberate(rng, dry)
    return np.asarray(wet * np.float32(min(gain, PEAK / np.abs(wet).max())))


def _reverberate(rng: np.random.Generator, dry: np.ndarray) -> np.ndarray:
    """Circular convolution of a loop with a random room: the direct sound and an exponentially decaying tail."""
    decay = rng.uniform(0.02, 0.08) * SAMPLE_RATE  # [samples] time constant
    tail = rng.standard_normal(min(len(dry), int(4 * decay)))
    tail *= np.exp(-np.arange(len(tail)) / decay)
    tail *= rng.uniform(0.0, 0.4) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    wet = np.fft.irfft(np.fft.rfft(dry) * np.fft.rfft(tail, len(dry)), len(dry))
    return wet.astype(np.float32)


def background(rng: np.random.Generator) -> np.ndarray:
    """Noise with a random slope (white to brown) and mains hum: (n,) float32 that joins its own start."""
    n = LOOP_S * SAMPLE_RATE
    level = 10.0 ** (rng.uniform(*NOISE_DB) / 20.0)
    slope = rng.uniform(0.0, 1.0)  # amplitude ~ f^-slope
    frequency = np.maximum(np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE), 20.0)
    spectrum = rng.standard_normal((2, len(frequency))).astype(np.float32)
    noise = np.fft.irfft((spectrum[0] + 1j * spectrum[1]) * frequency**-slope, n)
    noise *= level / np.sqrt(np.mean(noise**2))
    mains = (50.0, 60.0)[rng.integers(2)]
    time = np.arange(n) / SAMPLE_RATE
    for harmonic in (1, 2, 3):
        noise += level * rng.uniform(0.0, 0.7) / harmonic * np.sin(2.0 * np.pi * (harmonic * mains * time + rng.uniform()))
    return noise.astype(np.float32)


def take(loop: np.ndarray, position: int, n: int) -> np.ndarray:
    """`n` samples of an endlessly repeated array, from `position` on."""
    return np.take(loop, np.arange(position, position + n), mode="wrap")


def to_int16(signal: np.ndarray) -> np.ndarray:
    """What a microphone makes of a signal in [-1, 1]."""
    return np.clip(np.rint(signal * 32767.0), -32768, 32767).astype(np.int16)
