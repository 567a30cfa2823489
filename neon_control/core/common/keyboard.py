"""Single keys from the terminal, without waiting for Enter; nothing where there is no terminal."""

from __future__ import annotations

import os
import select
import sys
from contextlib import ExitStack

ARROWS = {"\x1b[C": "right", "\x1bOC": "right"}


class Keyboard(ExitStack):
    """A context manager: the terminal is as before afterwards. Ctrl-C still interrupts."""

    present = False  # whether there is a terminal to read from

    def __enter__(self) -> Keyboard:
        if sys.stdin is not None and sys.stdin.isatty() and os.name == "posix":
            import termios
            import tty

            self.callback(termios.tcsetattr, sys.stdin, termios.TCSADRAIN, termios.tcgetattr(sys.stdin))
            tty.setcbreak(sys.stdin)
            self.present = True
        return self

    def read(self) -> str:
        """The next key that was pressed, `right` for that arrow; empty when none was."""
        if not self.present or not select.select([sys.stdin], [], [], 0.0)[0]:
            return ""
        text = os.read(sys.stdin.fileno(), 8).decode(errors="replace")
        return ARROWS.get(text, text[:1])
