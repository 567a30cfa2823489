"""What the simulated robot's microphone hears: somebody who repeats a command, in a room that is never silent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.runtime.speech.espeak import VOICES, Utterance, speak
from neon_control.runtime.speech.room import GAP_S, PITCHES, RATES_WPM, background, repeated, take, to_int16

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
    rate = RATES_WPM[rng.integers(len(RATES_WPM))]
    pitch = PITCHES[rng.integers(len(PITCHES))]
    gap = rng.uniform(*GAP_S)
    utterance = speak(text, voice, rate, pitch)
    while _longest_wait(utterance, colour) > AUDIO_WINDOW_S:
        rate += 15
        utterance = speak(text, voice, rate, pitch)
    gap = min(gap, GAP_S[0] + AUDIO_WINDOW_S - _longest_wait(utterance, colour))
    gap_samples = int(gap * SAMPLE_RATE)
    loop = repeated(rng, utterance.samples, gap_samples)
    return Command(colour, text, voice, loop, _colour_word(utterance, colour), gap_samples)


def _colour_word(utterance: Utterance, colour: str) -> tuple[int, int]:
    for word, start, end in utterance.words:
        if word == colour:
            return start, end
    raise ConfigError(f"'{colour}' is not one word for espeak-ng; it found {[word for word, _, _ in utterance.words]}")


def _longest_wait(utterance: Utterance, colour: str) -> float:
    """[s] for a complete word, with the shortest gap. It starts just after one began: one period and one word."""
    start, end = _colour_word(utterance, colour)
    return GAP_S[0] + (len(utterance.samples) + end - start + 1) / SAMPLE_RATE


class Microphone:
    """An endless signal: background noise, and over it a repeated command, if a colour is asked for. `rng` draws room, voice and words."""

    def __init__(self, rng: np.random.Generator, colour: str | None = None) -> None:
        self._rng = rng
        self._noise = background(rng)
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
        signal = take(self._noise, self._position, num_samples)
        self._position = (self._position + num_samples) % len(self._noise)
        if self.command:
            self._note_words(self.command, num_samples)
            signal = signal + take(self.command.loop, self._speech_position, num_samples)
            self._speech_position = (self._speech_position + num_samples) % len(self.command.loop)
        self._clock += num_samples
        return to_int16(signal)

    def _note_words(self, command: Command, num_samples: int) -> None:
        start, end = command.word
        until_end = (end - self._speech_position) % len(command.loop) or len(command.loop)
        for finished in range(until_end, num_samples + 1, len(command.loop)):
            self._words.append((self._clock + finished - (end - start), self._clock + finished, command.colour))

    def heard(self, seconds: float = AUDIO_WINDOW_S) -> set[str]:
        """Colours of which a complete word lies within the last `seconds` of what was read."""
        since = self._clock - round(seconds * SAMPLE_RATE)
        return {colour for start, _, colour in self._words if start >= since}
