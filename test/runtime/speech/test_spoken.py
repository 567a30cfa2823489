"""What a policy hears of words: the same in every process, another voice in every variant, a stream without a tear."""

from __future__ import annotations

import subprocess
import sys
import zlib

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.runtime.speech import spoken
from neon_control.runtime.speech.spoken import VARIANTS, WINDOW, drawn_window, seconds, variant_of, voice, window

WORDS = "put the cup into the sink"
HOUR = 3600 * NANOSECONDS


def test_windows_of_one_voice_are_cut_from_one_stream() -> None:
    early, late = voice(WORDS, HOUR), voice(WORDS, HOUR + NANOSECONDS // 2)
    assert early.shape == (WINDOW,) and early.dtype == np.float32 and np.abs(early).max() <= 1.0
    assert np.array_equal(early[8000:], late[:-8000]) and not np.array_equal(early, late)
    assert np.array_equal(voice(WORDS, HOUR), early), "the same again"


def test_every_variant_and_every_text_sounds_its_own_way() -> None:
    sounds = [drawn_window(WORDS, variant) for variant in range(8)] + [drawn_window("open the drawer", 0)]
    assert len({s.tobytes() for s in sounds}) == len(sounds)
    assert drawn_window(WORDS, 3) is sounds[3]
    with pytest.raises(ValueError, match="read-only"):
        sounds[0][0] = 1.0


def test_another_process_hears_the_same() -> None:
    heard = "import zlib; print([zlib.crc32(spoken.drawn_window('go there', variant).tobytes()) for variant in range(40)])"
    code = f"from neon_control.runtime.speech import spoken; {heard}"
    drawn_window("something else before", 5)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str([zlib.crc32(drawn_window("go there", variant).tobytes()) for variant in range(40)])


def test_variants_are_dealt_evenly_and_without_a_pattern() -> None:
    dealt = np.array([[variant_of(f"episode_{e}", 10**9 + f * 33_333_333) for f in range(100)] for e in range(60)])
    counts = np.bincount(dealt.ravel(), minlength=VARIANTS)
    assert len(counts) == VARIANTS and counts.min() > 40, "of 94 on average"
    assert len(np.unique(dealt[:, 0])) > 20, "an episode's first frame is no voice's"


def test_how_long_it_takes_to_say_something() -> None:
    assert 0.2 < seconds("red") < 1.0 < seconds(WORDS) < 2.5 < seconds("first open the drawer, then put the cup into it, and close it")


def test_what_makes_no_sound_is_refused_as_words_and_not_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObservationError, match="instruction: '\\.\\.\\.' cannot be spoken") as error:
        window("...", 0, HOUR)
    assert error.value.inputs == ("instruction",)
    assert spoken.REVISION == 1
