"""What may be said to a policy in words."""

from __future__ import annotations

import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.instruction import MOST_LETTERS, checked_instruction


def test_a_text_becomes_one_line_and_every_language_is_welcome() -> None:
    assert checked_instruction("  pick up\n\tthe  red cube ") == "pick up the red cube"
    assert checked_instruction("nimm den Würfel") == "nimm den Würfel"
    assert checked_instruction("क्\u200dष") == "क्\u200dष", "a joiner is part of a word"
    assert checked_instruction(" \n") == ""


def test_a_long_text_is_refused_and_not_cut() -> None:
    assert len(checked_instruction("x" * MOST_LETTERS)) == MOST_LETTERS
    with pytest.raises(ObservationError, match=f"{MOST_LETTERS + 1} letters, at most {MOST_LETTERS}") as error:
        checked_instruction("x" * (MOST_LETTERS + 1))
    assert error.value.inputs == ("instruction",)


@pytest.mark.parametrize("text", ["go\x00left", "\x1b[31mred", "go \ud800"])
def test_control_characters_are_refused_and_never_repeated_raw(text: str) -> None:
    with pytest.raises(ObservationError, match="instruction: ") as error:
        checked_instruction(text)
    assert str(error.value).isprintable()
