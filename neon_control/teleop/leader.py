"""A leader arm as a hand on the robot: any JointState topic, and a file that says which of its joints moves which of ours.

Its button may be a joint of its own, such as a trigger, and so may what gives back. That counts when it goes down, not while it is down:
one that is pressed from the start, since a silence, or since the button was held, gives nothing back before it was let go. An arm that
says nothing for `STALE` has let go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.robot import Robot
from neon_control.teleop.wish import Wish

STALE = 0.2  # [s]


@dataclass(frozen=True)
class Led:
    """Where a joint of the robot is to be: scale * position of a joint of the leader + offset."""

    joint: str = setting("")  # of the leader; empty: the same name
    scale: float = setting(1.0)  # a leader in degrees: 0.017453; one that turns the other way: negative
    offset: float = setting(0.0)  # [rad]


@dataclass(frozen=True)
class Trigger:
    """A joint of the leader that is a button."""

    joint: str = setting(filled=True)
    above: float = setting()  # pressed while its position is greater
    below: bool = setting(False)  # pressed while it is smaller instead

    def is_pressed(self, said: Mapping[str, float]) -> bool:
        """With the leader's joints where it `said` last; no, of one that it has not named."""
        position = said.get(self.joint, math.nan)
        return position < self.above if self.below else position > self.above


@dataclass(frozen=True)
class LeaderFile:
    """What the joints of a leader arm do."""

    topic: str = setting("leader/joint_states", filled=True)
    joints: dict[str, Led] = field(default_factory=dict)  # joint of the robot -> what leads it; none: all of the same name
    enable: Trigger | None = setting(None)  # None: another hand holds the button
    give_back: Trigger | None = setting(None)  # None: another hand gives back
    relative: bool = setting(False)  # only how far the leader has moved since the button is held counts, not where it is


class Leader:
    """See the module's text.

    Args:
        names: joints that are led where the file names none.

    Attributes:
        measured: joint -> position [rad] of the robot, kept up to date by whoever listens; for `relative`.
    """

    def __init__(self, robot: Robot, names: Sequence[str], file: LeaderFile) -> None:
        unknown = sorted(set(file.joints) - set(robot.joints))
        if unknown:
            raise ConfigError(f"joints names {unknown}, which robot {robot.name} has not; it has {sorted(robot.joints)}")
        self._file = file
        self._led = file.joints or {name: Led() for name in names}
        self.measured: Mapping[str, float] = {}
        self._said: dict[str, float] = {}
        self._heard = -math.inf  # [s]
        self._was_let_go = self._gives_back = False  # whether what gives back may go down, and whether it has
        self._shift: dict[str, float] = {}  # joint -> [rad] that is added to what the leader says

    @property
    def triggered(self) -> bool | None:
        """Whether the trigger is held; None: there is none."""
        return None if self._file.enable is None else self._file.enable.is_pressed(self._said)

    def hear(self, names: Sequence[str], positions: Sequence[float], now: float) -> None:
        """A message came at `now` [s]; one that is not complete is left alone."""
        if len(names) == len(positions) and all(map(math.isfinite, positions)):
            self._said |= dict(zip(names, positions, strict=True))
            self._was_let_go &= now - self._heard <= STALE
            self._heard = now
            if self._file.give_back is not None and self._file.give_back.joint in self._said:
                pressed = self._file.give_back.is_pressed(self._said)
                self._gives_back |= pressed and self._was_let_go
                self._was_let_go = not pressed

    def wish(self, now: float, held: bool) -> Wish:
        """What is wanted at `now` [s], while some button is `held` or not; of a leader that is silent nothing."""
        gives_back, self._gives_back = self._gives_back, False
        if now - self._heard > STALE:
            self._shift = {}
            return Wish()
        wanted = {n: led.scale * self._said[led.joint or n] + led.offset for n, led in self._led.items() if (led.joint or n) in self._said}
        if not held:
            self._shift = {}
            return Wish(gives_back=gives_back, joints={} if self._file.relative else wanted)
        if self._file.relative:
            wanted = {name: value for name, value in wanted.items() if name in self.measured or name in self._shift}
            self._shift = {name: self._shift.get(name, self.measured.get(name, 0.0) - value) for name, value in wanted.items()}
            wanted = {name: value + self._shift[name] for name, value in wanted.items()}
        return Wish(True, joints=wanted)
