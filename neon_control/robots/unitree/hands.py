"""A Dex3 hand: trajectories of its controllers become position commands of its seven motors.

It has no weight and no checksum. It is driven once it has said where its fingers are, and holds what it has when nobody says more: what is
carried is not dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.robot import Robot
from neon_control.robots.unitree.driver import hand_controllers
from neon_control.robots.unitree.motors import HAND_JOINTS, HAND_MOTORS
from neon_control.robots.unitree.section import Section
from neon_control.robots.unitree.settings import DriverSettings
from neon_control.robots.unitree.targets import Targets

SIDES = tuple(HAND_JOINTS)
SILENT = NANOSECONDS // 2  # [ns] after which a hand counts as gone
_DRIVEN = 1 << 4  # in a motor's mode, above its number in the lowest four bits


class Hand:
    """One hand.

    Attributes:
        controllers: those that move its fingers.
        positions, velocities: (7,) [rad], [rad/s] of the newest message.
        errors: the hand's own error bits.
    """

    def __init__(self, robot: Robot, side: str, section: Section, settings: DriverSettings) -> None:
        self.side, self.joints = side, HAND_JOINTS[side]
        self.controllers = hand_controllers(robot, side)
        names = {controller.name: controller.joints for controller in self.controllers}
        hands = {joint for gripper in robot.grippers.values() if gripper.kind == "hand" for joint in gripper.joints}
        if lost := sorted({joint for joints in names.values() for joint in joints} - hands):
            raise ConfigError(
                f"{robot.file}: {lost} are fingers of a hand: their group needs an entry of kind hand in the section grippers"
            )
        self.targets = Targets(robot, self.joints, names, 1.0 / settings.rate_hz, settings.cmd_timeout)
        self.kp, self.kd = section.of(self.joints)  # (7,)
        self.modes = [place | _DRIVEN for place in range(HAND_MOTORS)]
        self.positions = self.velocities = np.zeros(HAND_MOTORS)
        self.errors = 0
        self._heard: int | None = None  # [ns]
        self._follows = False

    def measure(self, now: int, positions: Sequence[float], velocities: Sequence[float], errors: int = 0) -> None:
        """What the hand says at `now` [ns]."""
        values = np.array([positions[:HAND_MOTORS], velocities[:HAND_MOTORS]], dtype=np.float64)
        if values.shape == (2, HAND_MOTORS) and np.isfinite(values).all():
            self.positions, self.velocities, self.errors, self._heard = values[0], values[1], errors, now

    def heard(self, now: int) -> bool:
        """Whether it has spoken lately."""
        return self._heard is not None and now - self._heard < SILENT

    def step(self, now: int, follow: bool, command_time: int | None = None) -> bool:
        """One message further at `now` [ns] of the clock of `measure`; whether there is one to be sent, of `targets`.

        Args:
            follow: trajectories are followed; else the fingers come to rest and hold.
            command_time: [ns] the same instant on the clock of the trajectories' stamps; None: the same clock.
        """
        if not self._follows:
            if not (follow and self.heard(now)):
                return False
            self._follows = True
            self.targets.anchor(self.positions)
            self.targets.listen()
        if follow and self.heard(now):
            self.targets.follow(now if command_time is None else command_time, self.positions, self.velocities)
        else:
            self._follows = not self.targets.rests  # its motors hold the last message
            self.targets.ignore()
            self.targets.brake()
        return True
