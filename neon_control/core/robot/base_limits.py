"""What a mobile base may do, and how it is told: the section `base` of a robot file.

A base that cannot go sideways (differential drive, a car) leaves `vy` out, or gives it 0; its commands keep the axis, always at zero, so
that policies, chunks and messages are the same for every base. A car cannot turn on the spot: its `minimum_radius` ties the yaw rate to the
speed, |yaw_rate| <= |vx| / radius.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.topic_names import BASE_COMMAND

BASE_AXES = ("vx", "vy", "yaw_rate")  # [m/s, m/s, rad/s] in the base frame (REP-103)
SIDEWAYS = BASE_AXES.index("vy")
BASE_MESSAGES = ("twist_stamped", "twist", "auto")  # auto: what the first listener expects


@dataclass(frozen=True)
class BaseLimits:
    """Limits of the mobile base, one value for each of `BASE_AXES`; of an axis that it has not, 0."""

    max_velocity: np.ndarray = setting(keys=BASE_AXES, optional=("vy",))  # (3,) [m/s, m/s, rad/s]
    max_acceleration: np.ndarray = setting(keys=BASE_AXES, optional=("vy",))  # (3,) [m/s^2, m/s^2, rad/s^2]
    max_jerk: np.ndarray | None = setting(None, keys=BASE_AXES, optional=("vy",))  # (3,) [m/s^3, m/s^3, rad/s^3], None: not limited
    minimum_radius: float = setting(0.0, minimum=0.0)  # [m] of the tightest curve; 0: it turns on the spot
    topic: str = setting(BASE_COMMAND, filled=True)
    frame: str = setting("base_link", filled=True)  # of the velocities
    message: str = setting(BASE_MESSAGES[0], choices=BASE_MESSAGES)

    def __post_init__(self) -> None:
        has = self.axes
        for name, values in (("max_velocity", self.max_velocity), ("max_acceleration", self.max_acceleration), ("max_jerk", self.max_jerk)):
            if values is None:
                continue
            for axis, value, needed in zip(BASE_AXES, values.tolist(), has, strict=True):
                if needed and not value > 0.0:
                    raise ConfigError(f"{name}.{axis} must be a finite number > 0.0, got {value}")
                if value < 0.0:
                    raise ConfigError(f"{name}.{axis} must be a finite number >= 0.0, got {value}")
        if self.minimum_radius and has[SIDEWAYS]:
            raise ConfigError(f"minimum_radius {self.minimum_radius} m is of a base that cannot go sideways: leave max_velocity.vy out")

    @property
    def axes(self) -> tuple[bool, bool, bool]:
        """Which of `BASE_AXES` it has: all but, perhaps, going sideways."""
        return (True, bool(self.max_velocity[SIDEWAYS] != 0.0), True)

    @property
    def span(self) -> np.ndarray:
        """(3,) [m/s, m/s, rad/s] what a policy's +1 means; of an axis that it has not 1, so that its zero stays zero."""
        return np.where(self.axes, self.max_velocity, 1.0)

    def drivable(self, velocity: np.ndarray) -> np.ndarray:
        """The velocity (3,) with no tighter a curve than the base can drive."""
        if not self.minimum_radius:
            return velocity
        vx, vy, yaw_rate = velocity.tolist()
        most = abs(vx) / self.minimum_radius
        return np.array([vx, vy, math.copysign(min(abs(yaw_rate), most), yaw_rate)])
