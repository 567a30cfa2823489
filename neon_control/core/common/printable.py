"""Texts from outside, for a log or a terminal."""

from __future__ import annotations

MAX_LETTERS = 4000  # of one line: a name may have megabytes


def printable(text: str, lines: bool = False) -> str:
    """A text with everything escaped that is no letter, sign or space; line breaks too, unless `lines` are wanted."""
    kept = "\n" if lines else ""
    shown = "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= MAX_LETTERS or lines else f"{shown[:MAX_LETTERS]} ... and {len(shown) - MAX_LETTERS} letters more"
