"""A gamepad as a hand on the robot: `sensor_msgs/Joy`, as `joy_node` publishes it.

What its axes and buttons are is said by a file; without one, the left stick drives, and the cross chooses a joint and moves it, as most
gamepads number them. A gamepad that says nothing for `STALE` has let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.teleop.jog import Jog
from neon_control.teleop.wish import Wish

STALE = 0.2  # [s]; joy_node repeats 20 times a second
TILTED = 0.5  # of an axis that chooses


@dataclass(frozen=True)
class Axis:
    """An axis of the gamepad: its number, and what its end means."""

    axis: int = setting(minimum=0, maximum=63)
    scale: float = setting(1.0)  # [m/s], [rad/s] at +1


@dataclass(frozen=True)
class GamepadFile:
    """What the axes and buttons of a gamepad do."""

    topic: str = setting("joy", filled=True)
    enable: int = setting(4, minimum=0, maximum=63)  # button that has to be held: the left shoulder
    give_back: int = setting(0, minimum=0, maximum=63)  # button
    dead_zone: float = setting(0.1, minimum=0.0, maximum=0.9)  # of an axis, that counts as its middle
    base: dict[str, Axis] = field(default_factory=lambda: {"vx": Axis(1, 0.3), "yaw_rate": Axis(0, 0.6)})  # by the base's axis
    joints: dict[str, Axis] = field(default_factory=dict)  # joint -> axis that moves it
    jog: bool = setting(True)  # whether the two axes below choose a joint and move it
    choose: Axis = field(default_factory=lambda: Axis(6))
    move: Axis = field(default_factory=lambda: Axis(7, 0.3))

    def __post_init__(self) -> None:
        unknown = sorted(set(self.base) - set(BASE_AXES))
        if unknown:
            raise ConfigError(f"base names {unknown}; a base has {list(BASE_AXES)}")


class Gamepad:
    """See the module's text.

    Args:
        names: joints that may be chosen and moved.
    """

    def __init__(self, robot: Robot, names: Sequence[str], file: GamepadFile) -> None:
        unknown = sorted(set(file.joints) - set(robot.joints))
        if unknown:
            raise ConfigError(f"joints names {unknown}, which robot {robot.name} has not; it has {sorted(robot.joints)}")
        self.jog = Jog(robot, [*names, *(name for name in file.joints if name not in names)])
        self._file, self._names, self._chosen = file, list(names) if file.jog else [], 0
        self._has_base = robot.base is not None and bool(file.base)
        self._axes: Sequence[float] = ()
        self._buttons: Sequence[int] = ()
        self._heard = -np.inf  # [s]
        self._moved: float | None = None  # [s] when joints were moved last; None: not since the button is held
        self._tilted = False

    @property
    def chosen(self) -> str:
        """The joint that the cross moves."""
        return self._names[self._chosen] if self._names else ""

    def hear(self, axes: Sequence[float], buttons: Sequence[int], now: float) -> None:
        """A message came at `now` [s]."""
        self._axes, self._buttons, self._heard = axes, buttons, now
        tilt = self._of(self._file.choose)
        if abs(tilt) > TILTED and not self._tilted and self._names:
            self._chosen = (self._chosen + (1 if tilt > 0.0 else -1)) % len(self._names)
        self._tilted = abs(tilt) > TILTED

    def wish(self, now: float) -> Wish:
        """What is wanted at `now` [s]."""
        if now - self._heard > STALE or not self._is_pressed(self._file.enable):
            self.jog.release()
            self._moved = None
            return Wish(gives_back=now - self._heard <= STALE and self._is_pressed(self._file.give_back))
        passed, self._moved = 0.0 if self._moved is None else min(now - self._moved, STALE), now
        moves = {**self._file.joints, **({self.chosen: self._file.move} if self._names else {})}
        for name, axis in moves.items():
            if speed := self._of(axis):
                self.jog.move(name, speed * passed)
        drive = np.array([self._of(self._file.base[a]) if a in self._file.base else 0.0 for a in BASE_AXES]) if self._has_base else None
        return Wish(True, joints=dict(self.jog.targets), drive=drive)

    def _of(self, axis: Axis) -> float:
        value = self._axes[axis.axis] if axis.axis < len(self._axes) else 0.0
        return axis.scale * value if abs(value) > self._file.dead_zone else 0.0  # what is not a number is not greater

    def _is_pressed(self, button: int) -> bool:
        return button < len(self._buttons) and self._buttons[button] == 1
