"""What a motor of the robot is told: one table for all of them."""

from __future__ import annotations

import numpy as np

from neon_control.robots.unitree.motors import JOINTS

MOTORS = len(JOINTS)  # 29
Q, DQ, TAU, KP, KD = range(5)  # rows of set points (5, 29): [rad], [rad/s], [N m], [N m/rad], [N m s/rad]


def set_points(q: np.ndarray | float = 0.0, kp: np.ndarray | float = 0.0, kd: np.ndarray | float = 0.0) -> np.ndarray:
    """(5, 29) at rest, without a torque of their own; each argument (29,), or one number for all."""
    table = np.zeros((5, MOTORS))
    table[Q], table[KP], table[KD] = q, kp, kd
    return table


def blended(first: np.ndarray, second: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """(5, 29) From `first` (share 0) to `second` (share 1), for each motor (29,)."""
    return np.asarray(first + share * (second - first))
