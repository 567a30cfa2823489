"""Whether joints are where they were sent: who is not, for longer than a moment, has met something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.robot import Robot
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.settings import DriverSettings

LEAST_WEIGHT = 0.9  # below it the robot's own motion has a say, and no joint can be where it is sent


class Tracking:
    """Watches J joints."""

    def __init__(self, robot: Robot, joints: Sequence[str], settings: DriverSettings) -> None:
        self._joints = tuple(joints)
        limits = [robot.joints[joint].tracking_error_limit if joint in robot.joints else None for joint in joints]
        self._limits = np.array([settings.tracking_error_limit if limit is None else limit for limit in limits])
        self._time = round(settings.tracking_time * NANOSECONDS)
        self._since: int | None = None  # [ns]

    def reset(self) -> None:
        """Forget."""
        self._since = None

    def problem(self, now: int, sent: np.ndarray, measured: np.ndarray, weight: float) -> Problem | None:
        """What is wrong at `now` [ns] with joints sent to `sent` (J,) and measured at `measured` (J,) [rad]."""
        errors = np.abs(sent - measured)
        beyond = errors > self._limits
        if weight < LEAST_WEIGHT or not beyond.any():
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < self._time:
            return None
        worst = int(np.argmax(errors / self._limits))
        text = f"{self._joints[worst]} is {errors[worst]:.2f} rad from its target, limit {self._limits[worst]:g} rad"
        return Problem("tracking_error", text, latched=True, damping=True)
