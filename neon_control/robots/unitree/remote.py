"""Buttons of Unitree's remote control, in the 40 bytes `wireless_remote` of lowstate."""

from __future__ import annotations

from collections.abc import Iterable

from neon_control.core.common.errors import ConfigError

# Bits of the 16-bit word in bytes 2 and 3, from the lowest.
BUTTONS = ("R1", "L1", "start", "select", "R2", "L2", "F1", "F2", "A", "B", "X", "Y", "up", "right", "down", "left")


class StopButtons:
    """Buttons that mean stop when they are pressed together.

    Args:
        combinations: each as "L2+B".
    """

    def __init__(self, combinations: Iterable[str]) -> None:
        self._masks = {text: _mask(text) for text in combinations}

    def pressed(self, remote: bytes) -> str:
        """Which combination is pressed; empty for none."""
        word = int.from_bytes(remote[2:4], "little")
        return next((text for text, mask in self._masks.items() if word & mask == mask), "")


def _mask(text: str) -> int:
    names = text.split("+")
    unknown = [name for name in names if name not in BUTTONS]
    if unknown:
        raise ConfigError(f"stop_buttons must be names of {list(BUTTONS)} joined by +, got {text!r}")
    return sum(1 << BUTTONS.index(name) for name in set(names))
