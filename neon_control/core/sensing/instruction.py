"""A task in words, as a policy is told it: one rule for datasets, bags and the live topic, so that training reads what the robot reads."""

from __future__ import annotations

import unicodedata

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.printable import printable

MOST_LETTERS = 500  # of an instruction; the longest tasks of public datasets have some 200
SHOWN = 40  # letters of a refused one, in the message


def checked_instruction(text: str) -> str:
    """The text on one line, without blanks at its ends.

    One that is too long is refused, not cut: half a sentence may mean something else.

    Raises:
        ObservationError: it is longer than `MOST_LETTERS`, holds control characters, or is no Unicode.
    """
    line = " ".join(text.split())
    if len(line) > MOST_LETTERS:
        raise ObservationError(f"instruction: a text of {len(line)} letters, at most {MOST_LETTERS} are read", ("instruction",))
    bad = sorted({c for c in line if unicodedata.category(c) in ("Cc", "Cs")})
    if bad:
        shown = printable(line[:SHOWN])
        raise ObservationError(f"instruction: '{shown}' holds {printable(''.join(bad[:8]))}, needs letters and signs", ("instruction",))
    return line
