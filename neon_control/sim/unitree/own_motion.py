"""What the robot's own controller does with arms and waist while nobody else moves them: a slow swing, so that a forgotten weight shows.

A guess: the real controller's gains and motion are not published.
"""

from __future__ import annotations

import math

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.unitree.set_points import Q, set_points

SWING, SWING_PERIOD = 0.08, 4.0  # [rad] at the shoulders, about 4 cm at the hands; [s]
TAKE_OVER = 2.0  # [s] from where the arms are found to the swing
GAINS = {"waist": (300.0, 5.0), "wrist": (40.0, 2.0)}  # kp [N m/rad], kd [N m s/rad]
OTHER_GAINS = (80.0, 4.0)
DAMPING = 3.0  # [N m s/rad] of every joint in the state "damp"


class OwnMotion:
    """Args:
    home: (29,) [rad] around which the arms swing.
    """

    def __init__(self, home: np.ndarray) -> None:
        gains = np.array([next((g for word, g in GAINS.items() if word in name), OTHER_GAINS) for name in JOINTS])
        self._rest = set_points(home, *gains.T)
        self._swing = np.array([0.0 if "shoulder_pitch" not in n else SWING * (1.0 if n.startswith("left") else -1.0) for n in JOINTS])
        self._begin, self._found = 0, home.copy()

    def begin(self, now: int, measured: np.ndarray) -> None:
        """Take over at `now` [ns] from where the joints (29,) [rad] are."""
        self._begin, self._found = now, measured.copy()

    def at(self, now: int) -> np.ndarray:
        """(5, 29) Set points at `now` [ns]."""
        since = (now - self._begin) / NANOSECONDS
        share = min(since / TAKE_OVER, 1.0)
        points: np.ndarray = self._rest.copy()
        points[Q] += self._swing * math.sin(2.0 * math.pi * since / SWING_PERIOD)
        if share < 1.0:
            points[Q] = self._found + share * (points[Q] - self._found)
        return points


def damped() -> np.ndarray:
    """(5, 29) No stiffness, every joint braked."""
    return set_points(kd=DAMPING)
