"""How drivers speak of a robot's joints: their names in messages, and whose positions may come wrapped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """How drivers speak of the joints of a robot."""

    prefix: str = ""  # of all joint names in their messages
    turning: frozenset[str] = frozenset()  # joints whose positions may come wrapped or not

    def names(self, joints: Iterable[str]) -> list[str]:
        """As drivers call them."""
        return [self.prefix + name for name in joints]

    def joints(self, names: Iterable[str]) -> list[str]:
        """As the robot file calls them; what has no prefix is none of them, and stays as it is."""
        return [name.removeprefix(self.prefix) for name in names]

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it different from other robots'; empty for the usual one."""
        return (self.prefix, *sorted(self.turning)) if self.prefix or self.turning else ()


PLAIN = Wire()
