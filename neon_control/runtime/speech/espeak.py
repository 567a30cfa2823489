"""Speech from the espeak-ng library: text to 16 kHz samples, with the place of every word.

The library comes from the PyPI package `espeakng-loader` and is called through ctypes. Its global state (phase of the voice,
its flutter) survives even its own re-initialisation and would make a phrase sound different after every other phrase, and its
random numbers (the breath of some voices) begin with the time of day. So each utterance is spoken by a freshly loaded library
with a seed of ours: equal requests give equal samples, in any order, second and process. That costs about 5 ms; a cache answers
repeated requests, and one lock serves the whole process.
"""

from __future__ import annotations

import _ctypes
import ctypes
import importlib.util
import itertools
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.audio_buffer import SAMPLE_RATE

# English accents with variants of the speaker ("accent+variant" is espeak's own notation). These are the voices that a small
# Whisper model transcribes best out of sixty: the simulation should be no harder to understand than a person.
VOICES: tuple[str, ...] = (
    "en-us+f2", "en-us+f5", "en-us+m1", "en-us+m3", "en-us+m8", "en-us+max", "en-us+robert", "en-us+travis",
    "en+m3", "en-gb-scotland", "en-gb-scotland+f4", "en-gb-x-rp", "en-gb-x-rp+f2", "en-us-nyc+f2", "en-029", "en-029+m3",
)  # fmt: skip

NEEDED = {"espeakng_loader": "espeakng-loader", "scipy": "scipy"}  # module -> package
_SYNCHRONOUS = 2  # the library hands samples to the callback instead of a sound card
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_POSITION_CHARACTER = 1
_UTF8 = 1
_EVENT_END, _EVENT_WORD = 0, 1  # espeak_EVENT_TYPE: list terminated; start of a word
_MAX_DATA_PATH = 140  # [characters] longer paths do not fit espeak-ng's fixed buffers


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # [characters], counted from 1
        ("length", ctypes.c_int),  # [characters]
        ("audio_position", ctypes.c_int),  # [ms]
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_uint8 * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Utterance:
    """Spoken text."""

    samples: np.ndarray  # (n,) int16 at 16 kHz, without silence at either end; read only
    words: tuple[tuple[str, int, int], ...]  # for each word its text and its span [start, end) in samples


_lock = threading.Lock()


@lru_cache(maxsize=1)
def _short_data_path() -> str:
    """The data folder under a name that fits espeak-ng's buffers; in a deep checkout it would otherwise end the process."""
    import espeakng_loader

    path = str(espeakng_loader.get_data_path())
    if len(os.fsencode(path)) <= _MAX_DATA_PATH:
        return path
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)  # stays open for the life of the process
    return f"/dev/fd/{descriptor}"


def _synthesise(text: str, voice: str, rate_wpm: int, pitch: int) -> tuple[int, np.ndarray, list[tuple[int, int, int]]]:
    """Sample rate [Hz]; samples (n,) int16; of each word its place and length [characters] and its first sample."""
    import espeakng_loader

    blocks = [np.zeros(0, np.int16)]
    words: list[tuple[int, int, int]] = []

    def collect(samples: Any, count: int, events: Any) -> int:
        if count > 0 and samples:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in itertools.takewhile(lambda event: event.type != _EVENT_END, events):
            if event.type == _EVENT_WORD:
                words.append((event.text_position, event.length, event.sample))
        return 0

    callback = _Callback(collect)  # kept alive: the library stores the pointer
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        library.espeak_Initialize.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
        library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        data_path = _short_data_path()
        rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data_path), 0))
        if rate <= 0:
            raise ConfigError(f"espeak-ng did not start with its data in {data_path} (returned {rate})")
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ConfigError(f"espeak-ng has no voice '{voice}'")
        library.espeak_SetParameter(_RATE, rate_wpm, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        ctypes.CDLL(None).srand(1)  # espeak-ng draws from the C library's generator, and from its own
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        data = text.encode()
        if library.espeak_Synth(data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None) != 0:
            raise ConfigError(f"espeak-ng could not speak '{text}' in voice '{voice}'")
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)  # and with it its state
    return rate, np.concatenate(blocks), words


def require_espeak() -> None:
    """ConfigError where what speaks is not installed."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigError(f"to speak words, {' and '.join(missing)} are needed and not installed; `pip install {' '.join(missing)}`")


@lru_cache(maxsize=4096)
def speak(text: str, voice: str = "en-us", rate_wpm: int = 160, pitch: int = 50) -> Utterance:
    """Say `text`, plain English.

    Args:
        voice: one of `VOICES`, or any other name that espeak-ng knows.
        rate_wpm: speed, 80 to 450 words a minute.
        pitch: 0 (low) to 100 (high).

    Raises:
        ConfigError: the library is not installed or has no such voice, or the text gave no sound.
    """
    require_espeak()
    from scipy.signal import resample_poly

    with _lock:
        rate, raw, events = _synthesise(text, voice, rate_wpm, pitch)
    loud = np.flatnonzero(np.abs(raw.astype(np.int32)) > 150)  # 150 of 32767: espeak's breath of silence stays below
    if not len(loud):
        raise ConfigError(f"espeak-ng made no sound for '{text}' in voice '{voice}'")
    first, last = int(loud[0]), int(loud[-1]) + 1
    scale = SAMPLE_RATE / rate
    resampled = resample_poly(raw[first:last].astype(np.float32), SAMPLE_RATE, rate)
    samples = np.clip(np.rint(resampled), -32768, 32767).astype(np.int16)
    samples.setflags(write=False)
    starts = [min(max(sample - first, 0), last - first) for _, _, sample in events]
    ends = [*starts[1:], last - first]
    words = tuple(
        (text[position - 1 : position - 1 + length], int(start * scale), min(int(np.ceil(end * scale)), len(samples)))
        for (position, length, _), start, end in zip(events, starts, ends, strict=True)
    )
    return Utterance(samples, words)
