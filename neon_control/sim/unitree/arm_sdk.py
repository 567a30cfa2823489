"""How the robot takes targets of its arms from outside: `arm_sdk` replaces its own motion by the weight that came last.

Nothing times out: a client that dies leaves the weight where it was. A joint whose target, so blended, moves faster than the robot
follows trips its safe mode. That it watches the blended target, over 20 ms, is a guess; the speed is what users report.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.sim.unitree.set_points import MOTORS, Q, blended

MAX_SPEED = 6.0  # [rad/s]
WINDOW = round(0.02 * NANOSECONDS)  # [ns]


class ArmSdk:
    """Args:
    driven: (29,) which joints it may move.

    Attributes:
        weight: in force, 0 to 1.
    """

    def __init__(self, driven: np.ndarray) -> None:
        self._driven = driven
        self._points = np.zeros((5, MOTORS))
        self._seen: deque[tuple[int, np.ndarray]] = deque()
        self.weight = 0.0

    def accept(self, weight: float, points: np.ndarray) -> None:
        """Put a weight and set points (5, 29) in force."""
        self.weight, self._points = float(np.clip(np.nan_to_num(weight), 0.0, 1.0)), points

    def let_go(self) -> None:
        """The robot's own controller has the arms until a message comes."""
        self.weight = 0.0
        self._seen.clear()

    def forget_way(self) -> None:
        """What comes next is no movement: the robot was put somewhere else, or stood up."""
        self._seen.clear()

    def blend(self, now: int, own: np.ndarray) -> tuple[np.ndarray, float]:
        """Set points (5, 29) of all joints at `now` [ns], and how fast the fastest one's target moves [rad/s]; infinite if it is no number.

        Args:
            own: (5, 29) of the robot's own controller.
        """
        points = own if self.weight == 0.0 else blended(own, np.where(self._driven, self._points, own), self._driven * self.weight)
        self._seen.append((now, points[Q]))
        while len(self._seen) > 1 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        begin, before = self._seen[0]
        speed = float(np.abs(points[Q] - before).max()) * NANOSECONDS / max(now - begin, WINDOW)
        return points, speed if np.isfinite(points).all() else np.inf
