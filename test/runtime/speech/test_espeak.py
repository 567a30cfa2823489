"""Words become sound: every voice its own, always the same, each word at its place."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import wait_until

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.audio_buffer import SAMPLE_RATE
from neon_control.runtime.speech.espeak import VOICES, require_espeak, speak


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.asarray(samples, np.float64) ** 2)))


@pytest.mark.parametrize("voice", VOICES)
def test_every_voice_speaks_both_colours_in_its_own_way(voice: str) -> None:
    red, blue = speak("red", voice, 160, 50).samples, speak("blue", voice, 160, 50).samples
    assert red.dtype == np.int16
    assert red.ndim == 1
    assert 0.15 < len(red) / SAMPLE_RATE < 0.8
    assert rms(red) > 500
    others = [speak("red", other, 160, 50).samples for other in VOICES if other != voice]
    assert not any(np.array_equal(red, other) for other in [*others, blue])


def test_faster_speech_is_shorter_and_higher_pitch_sounds_different() -> None:
    assert len(speak("touch the red cube", "en-us", 220, 50).samples) < 0.8 * len(speak("touch the red cube", "en-us", 140, 50).samples)
    assert not np.array_equal(speak("red", "en-us", 160, 20).samples, speak("red", "en-us", 160, 80).samples)


def test_spoken_samples_are_shared_and_cannot_be_changed() -> None:
    first = speak("red", "en-us", 160, 50).samples
    assert speak("red", "en-us", 160, 50).samples is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_equal_requests_sound_equal_whatever_was_said_before() -> None:
    """espeak-ng keeps the phase and flutter of the last voice; a training run would then depend on the order of its episodes."""
    first = speak.__wrapped__("the red cube", "en-us+m3", 155, 42)
    speak.__wrapped__("touch the blue one", "en-gb-scotland", 200, 66)
    again = speak.__wrapped__("the red cube", "en-us+m3", 155, 42)
    assert np.array_equal(first.samples, again.samples)
    assert first.words == again.words


def test_a_voice_with_a_breath_sounds_equal_in_another_second() -> None:
    """espeak-ng seeds its random numbers with the time of day, in seconds; recordings of one seed would then differ."""
    first, second = speak.__wrapped__("green", "en-us+f5"), int(time.time())
    wait_until(lambda: int(time.time()) != second, 10.0, "the next second")
    assert np.array_equal(first.samples, speak.__wrapped__("green", "en-us+f5").samples)


def test_words_are_in_order_and_inside_the_utterance() -> None:
    utterance = speak("touch the red cube", "en", 160, 50)
    assert [word for word, _, _ in utterance.words] == ["touch", "the", "red", "cube"]
    edges = [edge for _, start, end in utterance.words for edge in (start, end)]
    assert edges[0] == 0
    assert edges[-1] == len(utterance.samples)
    assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(edges))


def test_an_unknown_voice_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no voice 'xx-nobody'"):
        speak("red", "xx-nobody", 160, 50)


def test_it_speaks_from_a_very_deep_folder(tmp_path: Path) -> None:
    """espeak-ng keeps its data path in a fixed buffer and ends the process when the path is longer."""
    import espeakng_loader

    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    code = (
        "import espeakng_loader, sys\n"
        "espeakng_loader.get_data_path = lambda: sys.argv[1]\n"
        "from neon_control.runtime.speech.espeak import speak\n"
        "print(len(speak('red').samples))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(deep / "espeak-ng-data")], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == len(speak("red").samples)


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "espeakng_loader" else found(name, *more))
    with pytest.raises(ConfigError, match="espeakng-loader are needed and not installed; `pip install espeakng-loader`"):
        require_espeak()
    with pytest.raises(ConfigError, match="pip install"):
        speak("nobody says this", "en-us", 160, 50)
