"""Arms and base of a robot that balances: raised arms move its centre of mass, and it leans, or takes a step.

The robot's own controller balances whatever the arms do, within what its legs can; it does not know what they are going to do. So both can
be kept from making it hard at the same time: slower arms while the base moves, and a base that stands while both arms reach far. Both are
off by default.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.robots.unitree.motors import JOINTS
from neon_control.robots.unitree.settings import DriverSettings

WRISTS = ("left_wrist_yaw_link", "right_wrist_yaw_link")


class Coupling:
    """See the module's text."""

    def __init__(self, robot: Robot, settings: DriverSettings) -> None:
        self._scale, self._radius = settings.walking_velocity_scale, settings.reach_radius
        self._kinematics = Kinematics(robot.urdf_path) if self._radius else None

    def arms_scale(self, base_moves: bool) -> float:
        """Of the arms' velocity limit."""
        return self._scale if base_moves else 1.0

    def base_may_move(self, positions: np.ndarray) -> bool:
        """Whether at most one wrist is further from the pelvis' vertical axis than the radius, at `positions` (29,) [rad]."""
        if self._kinematics is None:
            return True
        places, _ = self._kinematics.poses(WRISTS, dict(zip(JOINTS, positions.tolist(), strict=True)))  # (2, 1, 3) [m]
        return bool((np.hypot(places[:, 0, 0], places[:, 0, 1]) <= self._radius).any())
