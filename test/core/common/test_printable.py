"""Texts from outside, made harmless."""

from neon_control.core.common.printable import MAX_LETTERS, printable


def test_what_steers_a_terminal_or_forges_a_line_is_escaped_and_words_stay() -> None:
    text = "joint \x1b[2J\n[INFO] all is well\r\x00\x9b\u202e\ud800 grün 関節"
    assert printable(text) == r"joint \x1b[2J\n[INFO] all is well\r\x00\x9b\u202e\ud800 grün 関節"
    assert printable("two\nlines\x07", lines=True) == "two\nlines\\x07"


def test_a_name_of_megabytes_does_not_fill_the_log() -> None:
    assert printable("x" * 10_000) == "x" * MAX_LETTERS + " ... and 6000 letters more"
