"""The robot as data: joints and limits, groups, controllers, cameras. `robot_file.py` reads it.

Position and velocity limits come from the URDF and nowhere else. The robot file only narrows them
(`position_margin`, `velocity_scale`) and adds what a URDF cannot say (accelerations, groups, controllers, the base).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.clearance_settings import ClearanceSettings
from neon_control.core.robot.recording_names import RecordingConfig

PARTS = ("arms", "torso", "legs")  # the order of an action vector; the base comes last
BASE_AXES = ("vx", "vy", "yaw_rate")  # [m/s, m/s, rad/s] in the base frame (REP-103)
CONTROLLER_TYPES = ("joint_trajectory", "position")  # JointTrajectory or Float64MultiArray


@dataclass(frozen=True)
class Joint:
    """One actuated joint.

    `lower`, `upper` are the mechanical range from the URDF; `safe_lower`, `safe_upper` lie a margin inside it
    and are what commands are held to.
    """

    name: str
    lower: float  # [rad]
    upper: float  # [rad]
    safe_lower: float  # [rad]
    safe_upper: float  # [rad]
    max_velocity: float  # [rad/s], URDF limit times the group's velocity_scale
    max_acceleration: float  # [rad/s^2]
    max_jerk: float = math.inf  # [rad/s^3], while the policy is followed


@dataclass(frozen=True)
class BaseLimits:
    """Limits of the mobile base, one value for each of `BASE_AXES`."""

    max_velocity: np.ndarray = setting(keys=BASE_AXES, above=0.0)  # (3,) [m/s, m/s, rad/s]
    max_acceleration: np.ndarray = setting(keys=BASE_AXES, above=0.0)  # (3,) [m/s^2, m/s^2, rad/s^2]
    max_jerk: np.ndarray | None = setting(None, keys=BASE_AXES, above=0.0)  # (3,) [m/s^3, m/s^3, rad/s^3], None: not limited


@dataclass(frozen=True)
class ControllerConfig:
    """One downstream joint controller and the joints that it drives."""

    name: str = setting(is_key=True)
    topic: str = setting(scalar=True)
    joints: tuple[str, ...] = setting()
    type: str = setting("joint_trajectory", choices=CONTROLLER_TYPES)


@dataclass(frozen=True)
class Robot:
    """A robot description, validated once when it is loaded."""

    name: str
    urdf_path: Path
    joints: dict[str, Joint]  # every actuated joint that a group names
    groups: dict[str, tuple[str, ...]]  # group -> joint names
    parts: dict[str, tuple[str, ...]]  # arms, torso, legs -> joint names, in group order
    controllers: tuple[ControllerConfig, ...]
    base: BaseLimits | None  # None: a robot without a mobile base
    file: Path  # the YAML file; the simulation reads its own section of it
    recording: RecordingConfig = field(default_factory=RecordingConfig)  # topics and names of recordings to learn from
    cameras: tuple[Camera, ...] = (Camera(),)  # the first one is what a policy looks at that names none
    clearance: ClearanceSettings | None = None  # None: the bodies are not kept apart

    def limits(self, names: tuple[str, ...], field: str) -> np.ndarray:
        """One `Joint` field for the named joints, as an array (len(names),)."""
        missing = [n for n in names if n not in self.joints]
        if missing:
            raise ConfigError(f"robot {self.name}: unknown joints {missing}; it has {sorted(self.joints)}")
        return np.array([getattr(self.joints[n], field) for n in names], dtype=np.float64)
