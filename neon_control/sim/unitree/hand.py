"""A Dex3 hand, of which only the motors are simulated: fingers without bodies, which touch nothing.

A motor moves if its mode says so and carries its own number; this is how Unitree's example fills the mode in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neon_control.robots.unitree.motors import HAND_MOTORS

INERTIA, FRICTION = 0.002, 0.05  # [kg m^2, N m s/rad] of a finger and its gears; guesses
DRIVEN = 1 << 4  # in the mode, above the motor's number


class DexHand:
    """Attributes:
    positions, velocities: (7,) [rad], [rad/s].
    torques: (7,) [N m] of the motors.
    """

    def __init__(self) -> None:
        self.positions = self.velocities = self.torques = np.zeros(HAND_MOTORS)
        self._points = np.zeros((5, HAND_MOTORS))  # rows q, dq, tau, kp, kd

    def command(self, motors: Sequence[Any]) -> bool:
        """Take a message's seven `MotorCmd`; whether they are seven, and finite."""
        points = np.array([(m.q, m.dq, m.tau, m.kp, m.kd) for m in motors], np.float64).reshape(-1, 5).T
        if points.shape != self._points.shape or not np.isfinite(points).all():
            return False
        driven = np.array([motor.mode == place | DRIVEN for place, motor in enumerate(motors)])
        self._points = points * driven
        return True

    def tick(self, seconds: float) -> None:
        """Let the motors act for so long; stable however stiff they are."""
        q, dq, tau, kp, kd = self._points
        force = tau + kp * (q - self.positions) + kd * dq - (kd + FRICTION) * self.velocities
        self.velocities = self.velocities + seconds * force / (INERTIA + seconds * (kd + FRICTION) + seconds**2 * kp)
        self.positions = self.positions + seconds * self.velocities
        self.torques = tau + kp * (q - self.positions) + kd * (dq - self.velocities)
