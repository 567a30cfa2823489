"""Joints moved by small steps, from where the robot is when it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neon_control.core.robot.robot import Robot


class Jog:
    """Targets of `names`.

    Attributes:
        targets: joint -> position [rad], of those that were moved since `release`.
        measured: joint -> position [rad], of the whole robot; kept up to date by whoever listens.
    """

    def __init__(self, robot: Robot, names: Sequence[str]) -> None:
        self._ranges = {name: (robot.joints[name].safe_lower, robot.joints[name].safe_upper) for name in names}
        self.targets: dict[str, float] = {}
        self.measured: Mapping[str, float] = {}

    def move(self, name: str, by: float) -> None:
        """Move a target by so much [rad], within the joint's range; nothing happens before the joint was measured."""
        here = self.targets.get(name, self.measured.get(name))
        if here is not None:
            lower, upper = self._ranges[name]
            self.targets[name] = min(max(here + by, lower), upper)

    def release(self) -> None:
        """Forget the targets: the next one begins where the robot is then."""
        self.targets = {}
