"""How drivers speak of a robot's joints: their names in messages, whose positions may come wrapped, and how rarely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """How drivers speak of the joints of a robot."""

    prefix: str = ""  # of all joint names in their messages
    turning: frozenset[str] = frozenset()  # joints whose positions may come wrapped or not
    timeouts: tuple[tuple[str, float], ...] = ()  # joints with a `joint_state_timeout` of their own [s]

    def names(self, joints: Iterable[str]) -> list[str]:
        """As drivers call them."""
        return [self.prefix + name for name in joints]

    def joints(self, names: Iterable[str]) -> list[str]:
        """As the robot file calls them; what has no prefix is none of them, and stays as it is."""
        return [name.removeprefix(self.prefix) for name in names]

    def ours(self, names: Iterable[str], joints: Iterable[str]) -> dict[str, str]:
        """Name in a message -> joint, of those of `joints` that are among `names`; a name without the prefix is another robot's."""
        told = dict(zip(self.names(joints := list(joints)), joints, strict=True))
        return {name: told[name] for name in names if name in told}

    def timeout(self, joints: Iterable[str], usual: float) -> float:
        """[s] How old a measurement of all these joints may be: the strictest limit counts, `usual` where a joint has none of its own."""
        own = dict(self.timeouts)
        return min((own.get(name, usual) for name in joints), default=usual) if own else usual

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it different from other robots'; empty for the usual one."""
        return (self.prefix, *sorted(self.turning), *self.timeouts) if self.prefix or self.turning or self.timeouts else ()


PLAIN = Wire()
