"""What a policy that listens hears of an instruction in words: somebody who says it again and again, for as long as it holds.

There are `VARIANTS` of everybody who may say it: another voice, speed, pitch, loudness, room and background. Training hears all of them,
each somewhere in its loop; a robot hears the first. The same words, variant and time give the same sound, in any order and process.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.common.printable import printable
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.runtime.speech.espeak import VOICES, Utterance, require_espeak, speak
from neon_control.runtime.speech.room import GAP_S, PITCHES, RATES_WPM, background, repeated, take, to_int16

REVISION = 1  # counts up when the same words sound otherwise
VARIANTS = 64
STEADY = tuple(name for name in VOICES if not name.endswith(("+f2", "+f5")))  # the breath of the others is another one in each process
WINDOW = round(AUDIO_WINDOW_S * SAMPLE_RATE)  # samples

_lock = threading.Lock()  # one drawing at a time: espeak's library is loaded once for all


def variant_of(*places: object) -> int:
    """Which variant is heard at a place, such as a recording's name and a stamp: without a pattern, and always the same."""
    return zlib.crc32(repr(places).encode()) % VARIANTS


def window(words: str, variant: int, end: int) -> np.ndarray:
    """(32000,) float32 in [-1, 1], the sound of the `AUDIO_WINDOW_S` that end at `end` [ns].

    Raises:
        ConfigError: espeak-ng is not installed.
        ObservationError: it makes no sound of these words.
    """
    with _lock:
        loop, noise = _drawn(words, variant)
    first = end * SAMPLE_RATE // NANOSECONDS - WINDOW
    signal = take(loop, first % len(loop), WINDOW) + take(noise, first % len(noise), WINDOW)
    return np.asarray(to_int16(signal).astype(np.float32) / 32768.0)


def voice(words: str, stamp: int) -> np.ndarray:
    """`window` of the first variant: what the robot is told."""
    return window(words, 0, stamp)


def voice_here() -> tuple[Callable[[str, int], np.ndarray] | None, str]:
    """`voice`; or None, and why nothing can be spoken on this computer."""
    try:
        require_espeak()
    except ConfigError as error:
        return None, str(error)
    return voice, ""


@lru_cache(maxsize=256)  # 32 MB
def drawn_window(words: str, variant: int) -> np.ndarray:
    """`window` at a time that is the variant's own; read only. Raises as `window`."""
    sound = window(words, variant, int(_rng(words, variant, "time").integers(3600 * NANOSECONDS)))
    sound.setflags(write=False)
    return sound


def seconds(words: str) -> float:
    """[s] how long it takes to say this once, in the voice that the robot hears. Raises as `window`."""
    return len(_utterance(words, _rng(words, 0)).samples) / SAMPLE_RATE


@lru_cache(maxsize=8)  # of the robot's; training keeps windows
def _drawn(words: str, variant: int) -> tuple[np.ndarray, np.ndarray]:
    rng = _rng(words, variant)
    utterance = _utterance(words, rng)
    return repeated(rng, utterance.samples, int(rng.uniform(*GAP_S) * SAMPLE_RATE)), background(rng)


def _utterance(words: str, rng: np.random.Generator) -> Utterance:
    require_espeak()
    name, rate, pitch = STEADY[rng.integers(len(STEADY))], RATES_WPM[rng.integers(len(RATES_WPM))], PITCHES[rng.integers(len(PITCHES))]
    try:
        return speak(words, name, rate, pitch)
    except ConfigError as error:
        raise ObservationError(f"instruction: '{printable(words)}' cannot be spoken: {error}", ("instruction",)) from error


def _rng(words: str, variant: int, *more: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(repr((words, variant, *more)).encode()).digest()))
