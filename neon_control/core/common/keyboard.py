"""Single keys from the terminal, without waiting for Enter; nothing where there is no terminal."""

from __future__ import annotations

import codecs
import os
import select
import sys
from contextlib import ExitStack

ARROWS = {"\x1b[C": "right", "\x1bOC": "right"}


class Keyboard(ExitStack):
    """A context manager: the terminal is as before afterwards. Ctrl-C still interrupts."""

    present = False  # whether there is a terminal to read from

    def __init__(self) -> None:
        super().__init__()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def __enter__(self) -> Keyboard:
        if sys.stdin is not None and sys.stdin.isatty() and os.name == "posix":
            import termios
            import tty

            self.callback(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, termios.tcgetattr(sys.stdin))
            tty.setcbreak(sys.stdin)
            self.present = True
        return self

    def read(self) -> str:
        """A key that was pressed, `right` for that arrow; empty when none was. Of several that wait it is the first: the rest is old."""
        text = self._waiting(8).decode(errors="replace")
        return ARROWS.get(text, text[:1])

    def typed(self) -> str:
        """All that was typed, where each key counts; nothing of a key that sends several characters."""
        text = self._decoder.decode(self._waiting(4096))
        return "" if text.startswith("\x1b") else text

    def _waiting(self, most: int) -> bytes:
        return os.read(sys.stdin.fileno(), most) if self.present and select.select([sys.stdin], [], [], 0.0)[0] else b""
