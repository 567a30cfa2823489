"""Single keys from the terminal, without waiting for Enter; nothing where there is no terminal."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Any

ARROWS = {"\x1b[C": "right", "\x1bOC": "right"}


class Keyboard:
    """A context manager: the terminal is as before afterwards. Ctrl-C still interrupts."""

    def __init__(self) -> None:
        self._settings: list[Any] | None = None

    @property
    def present(self) -> bool:
        """Whether there is a terminal to read from."""
        return self._settings is not None

    def read(self) -> str:
        """The next key that was pressed, `right` for that arrow; empty when none was."""
        if not self.present or not select.select([sys.stdin], [], [], 0.0)[0]:
            return ""
        text = os.read(sys.stdin.fileno(), 8).decode(errors="replace")
        return ARROWS.get(text, text[:1])

    def __enter__(self) -> Keyboard:
        if sys.stdin is not None and sys.stdin.isatty() and os.name == "posix":
            import termios
            import tty

            self._settings = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._settings is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._settings)
            self._settings = None
