"""Where the base is: as the robot says on `rt/odostate`, or, where nobody does, the requested velocities added up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS

LENGTH_TOLERANCE = 0.02  # of the orientation's length, beyond which its numbers are no orientation
SILENT = NANOSECONDS // 2  # [ns] after which the robot's own odometry counts as gone
MEASURED, INTEGRATED = "rt/odostate", "integrated commands"


class Pose(NamedTuple):
    """Of the base in the frame `odom`."""

    position: np.ndarray  # (3,) [m]
    orientation: tuple[float, float, float, float]  # x y z w
    linear: np.ndarray  # (3,) [m/s] in the base's frame
    angular: np.ndarray  # (3,) [rad/s]
    source: str  # MEASURED or INTEGRATED


class BaseOdometry:
    """Takes both; the measured one counts while there is one.

    Attributes:
        refused: messages of the robot's odometry that are none.
        source: of the last pose.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._measured: Pose | None = None
        self._heard: int | None = None  # [ns]
        self._pose = np.zeros(3)  # [m, m, rad]
        self._updated: int | None = None  # [ns]
        self.source = INTEGRATED

    def measure(
        self, now: int, position: Sequence[float], wxyz: Sequence[float], linear: Sequence[float], angular: Sequence[float]
    ) -> None:
        """What the robot says at `now` [ns]."""
        numbers = [np.array(values, dtype=np.float64) for values in (position, wxyz, linear, angular)]
        if not all(np.isfinite(values).all() for values in numbers) or abs(float(np.linalg.norm(numbers[1])) - 1.0) > LENGTH_TOLERANCE:
            self.refused += 1
            return
        w, x, y, z = numbers[1].tolist()
        self._measured, self._heard = Pose(numbers[0], (x, y, z, w), numbers[2], numbers[3], MEASURED), now

    def update(self, now: int, velocity: np.ndarray) -> Pose:
        """The pose at `now` [ns]; `velocity` (3,) [m/s, m/s, rad/s] is what was asked for since the last call."""
        seconds = 0.0 if self._updated is None else max(0.0, (now - self._updated) / NANOSECONDS)
        self._updated = now
        vx, vy, rate = velocity.tolist()
        heading = float(self._pose[2]) + 0.5 * rate * seconds
        c, s = math.cos(heading), math.sin(heading)
        self._pose += seconds * np.array([c * vx - s * vy, s * vx + c * vy, rate])
        if self._measured is not None and self._heard is not None and now - self._heard < SILENT:
            self.source = MEASURED
            return self._measured
        self.source = INTEGRATED
        x, y, yaw = self._pose.tolist()
        orientation = (0.0, 0.0, math.sin(0.5 * yaw), math.cos(0.5 * yaw))
        return Pose(np.array([x, y, 0.0]), orientation, np.array([vx, vy, 0.0]), np.array([0.0, 0.0, rate]), INTEGRATED)
