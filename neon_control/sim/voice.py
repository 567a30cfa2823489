"""What the simulated robot's microphone hears: somebody who repeats a command, in a room that is never silent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.sim.espeak import VOICES, Utterance, speak

# Any window that a policy hears, `AUDIO_WINDOW_S` long, holds at least one complete colour word.
PHRASES: tuple[str, ...] = (
    "{colour}",
    "{colour} cube",
    "the {colour} cube",
    "the {colour} one",
    "touch {colour}",
    "touch the {colour} cube",
    "reach for {colour}",
    "reach for the {colour} one",
    "go to the {colour} cube",
)
# Speeds and pitches are drawn from short lists so that the cache of spoken phrases is soon complete.
_RATES_WPM = (140, 155, 170, 185, 200)
_PITCHES = (30, 42, 54, 66)
_GAP_S = (0.15, 0.45)  # [s] silence between repetitions
_SPEECH_DB = (-27.0, -15.0)  # [dBFS] root mean square of the spoken phrase
_PEAK = 0.9  # of full scale: speech never clips
_NOISE_DB = (-66.0, -40.0)  # [dBFS] root mean square of the background
_LOOP_S = 4  # [s] the background repeats; a whole number of seconds joins 50 and 60 Hz hum without a click


@dataclass(frozen=True)
class Command:
    """A spoken command as it is repeated."""

    colour: str
    text: str
    voice: str
    loop: np.ndarray  # (n,) float32 in [-1, 1], one repetition and the gap after it; the room's echo wraps around
    word: tuple[int, int]  # [start, end) of the colour word in `loop`, in samples
    gap: int  # length of the gap at the end of `loop`, in samples


def draw_command(rng: np.random.Generator, colour: str) -> Command:
    """A random phrase about `colour`, in a random voice, speed, pitch, loudness and room."""
    text = PHRASES[rng.integers(len(PHRASES))].format(colour=colour)
    voice = VOICES[rng.integers(len(VOICES))]
    rate = _RATES_WPM[rng.integers(len(_RATES_WPM))]
    pitch = _PITCHES[rng.integers(len(_PITCHES))]
    gap = rng.uniform(*_GAP_S)
    utterance = speak(text, voice, rate, pitch)
    while _longest_wait(utterance, colour) > AUDIO_WINDOW_S:
        rate += 15
        utterance = speak(text, voice, rate, pitch)
    gap = min(gap, _GAP_S[0] + AUDIO_WINDOW_S - _longest_wait(utterance, colour))
    gap_samples = int(gap * SAMPLE_RATE)
    dry = np.zeros(len(utterance.samples) + gap_samples, np.float32)
    dry[: len(utterance.samples)] = utterance.samples
    gain = 10.0 ** (rng.uniform(*_SPEECH_DB) / 20.0) / np.sqrt(np.mean(dry[: len(utterance.samples)] ** 2))
    wet = _reverberate(rng, dry)
    loop = wet * np.float32(min(gain, _PEAK / np.abs(wet).max()))
    return Command(colour, text, voice, loop, _colour_word(utterance, colour), gap_samples)


def _colour_word(utterance: Utterance, colour: str) -> tuple[int, int]:
    for word, start, end in utterance.words:
        if word == colour:
            return start, end
    raise ConfigError(f"'{colour}' is not one word for espeak-ng; it found {[word for word, _, _ in utterance.words]}")


def _longest_wait(utterance: Utterance, colour: str) -> float:
    """[s] for a complete word, with the shortest gap. It starts just after one began: one period and one word."""
    start, end = _colour_word(utterance, colour)
    return _GAP_S[0] + (len(utterance.samples) + end - start + 1) / SAMPLE_RATE


def _reverberate(rng: np.random.Generator, dry: np.ndarray) -> np.ndarray:
    """Circular convolution of a loop with a random room: the direct sound and an exponentially decaying tail."""
    decay = rng.uniform(0.02, 0.08) * SAMPLE_RATE  # [samples] time constant
    tail = rng.standard_normal(min(len(dry), int(4 * decay)))
    tail *= np.exp(-np.arange(len(tail)) / decay)
    tail *= rng.uniform(0.0, 0.4) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    wet = np.fft.irfft(np.fft.rfft(dry) * np.fft.rfft(tail, len(dry)), len(dry))
    return wet.astype(np.float32)


def _background(rng: np.random.Generator) -> np.ndarray:
    """Noise with a random slope (white to brown) and mains hum: (n,) float32 that joins its own start."""
    n = _LOOP_S * SAMPLE_RATE
    level = 10.0 ** (rng.uniform(*_NOISE_DB) / 20.0)
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


class Microphone:
    """An endless signal: background noise, and over it a repeated command, if a colour is asked for. `rng` draws room, voice and words."""

    def __init__(self, rng: np.random.Generator, colour: str | None = None) -> None:
        self._rng = rng
        self._noise = _background(rng)
        self._position = int(rng.integers(len(self._noise)))
        self._speech_position = 0
        self._clock = 0  # samples read so far
        self._words: deque[tuple[int, int, str]] = deque(maxlen=32)  # spoken colour words: begin and end on that clock
        self.command: Command | None = None
        self.set_colour(colour)

    @property
    def text(self) -> str:
        """The words that are being repeated; empty without a command."""
        return self.command.text if self.command else ""

    def set_colour(self, colour: str | None) -> None:
        """Start a newly drawn command within the length of a gap, or fall silent (None)."""
        self.command = None if colour is None else draw_command(self._rng, colour)
        if self.command:
            self._speech_position = len(self.command.loop) - int(self._rng.integers(self.command.gap + 1))

    def read(self, num_samples: int) -> np.ndarray:
        """The next samples: (num_samples,) int16, 16 kHz."""
        signal = _take(self._noise, self._position, num_samples)
        self._position = (self._position + num_samples) % len(self._noise)
        if self.command:
            self._note_words(self.command, num_samples)
            signal = signal + _take(self.command.loop, self._speech_position, num_samples)
            self._speech_position = (self._speech_position + num_samples) % len(self.command.loop)
        self._clock += num_samples
        return np.clip(np.rint(signal * 32767.0), -32768, 32767).astype(np.int16)

    def _note_words(self, command: Command, num_samples: int) -> None:
        start, end = command.word
        until_end = (end - self._speech_position) % len(command.loop) or len(command.loop)
        for finished in range(until_end, num_samples + 1, len(command.loop)):
            self._words.append((self._clock + finished - (end - start), self._clock + finished, command.colour))

    def heard(self, seconds: float = AUDIO_WINDOW_S) -> set[str]:
        """Colours of which a complete word lies within the last `seconds` of what was read."""
        since = self._clock - round(seconds * SAMPLE_RATE)
        return {colour for start, _, colour in self._words if start >= since}


def _take(loop: np.ndarray, position: int, n: int) -> np.ndarray:
    """`n` samples of an endlessly repeated array, from `position` on."""
    return np.take(loop, np.arange(position, position + n), mode="wrap")
