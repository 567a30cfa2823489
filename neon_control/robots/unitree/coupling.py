"""Arms and base of a robot that balances: raised arms move its centre of mass, and it leans, or takes a step.

The robot's own controller balances whatever the arms do, within what its legs can; it does not know what they are going to do. So both can
be kept from making it hard at the same time: slower arms while the base moves, and a base that stands while both arms reach far. Both are
off by default.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.urdf import read_urdf
from neon_control.robots.unitree.motors import JOINTS
from neon_control.robots.unitree.settings import DriverSettings

CHANGE_TIME = 0.3  # [s] in which arms go from their whole speed to none of it: a limit that jumped would jerk them
INSIDE = 0.02  # [m] by which an arm has to come back within the radius before the base may move again
LOOK_EVERY = NANOSECONDS // 50  # [ns] between two looks where the arms are


class Coupling:
    """See the module's text."""

    def __init__(self, robot: Robot, settings: DriverSettings) -> None:
        self._slow, self._radius = settings.walking_velocity_scale, settings.reach_radius
        self._scale, self._step = 1.0, 1.0 / (settings.rate_hz * CHANGE_TIME)
        self._may_move, self._looked = True, -LOOK_EVERY  # [ns]
        if self._radius:
            self._kinematics, urdf = Kinematics(robot.urdf_path), read_urdf(robot.urdf_path)
            last = [names[-1] for names in robot.groups.values() if set(names) <= set(robot.parts["arms"])]
            self._wrists = tuple(urdf.joints[joint].child for joint in last)
            self._places = {joint: place for place, joint in enumerate(JOINTS) if joint in robot.joints}

    def arms_scale(self, base_moves: bool) -> float:
        """Of the arms' velocity limit; ask once for each message."""
        wanted = self._slow if base_moves else 1.0
        self._scale = min(max(wanted, self._scale - self._step), self._scale + self._step)
        return self._scale

    def base_may_move(self, now: int, positions: np.ndarray) -> bool:
        """Whether an arm's last link is within the radius of the pelvis' vertical axis, at `now` [ns] and `positions` (29,) [rad]."""
        if self._radius and now - self._looked >= LOOK_EVERY:
            self._looked = now
            places, _ = self._kinematics.poses(self._wrists, {joint: float(positions[place]) for joint, place in self._places.items()})
            reach = np.hypot(places[:, 0, 0], places[:, 0, 1])  # (L,) [m]
            self._may_move = bool((reach <= self._radius - (0.0 if self._may_move else INSIDE)).any())
        return self._may_move
