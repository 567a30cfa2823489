"""The robot as data: joints and limits, groups, controllers, cameras. `robot_file.py` reads it.

Position and velocity limits come from the URDF where it has usable ones. The robot file only narrows them (see `joint_limits.py`) and adds
what a URDF cannot say (accelerations, groups, controllers, the base).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.base_limits import BASE_AXES, BaseLimits
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.clearance_settings import ClearanceSettings
from neon_control.core.robot.gripper import ACTIONS, Gripper
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.turns import TURN
from neon_control.core.robot.wire import Wire

__all__ = ["BASE_AXES", "BaseLimits", "ControllerConfig", "Joint", "Robot", "Wire"]

PARTS = ("arms", "hands", "torso", "legs")  # the order of an action vector; the base comes last
CONTROLLER_TYPES = ("joint_trajectory", "position", *ACTIONS)  # JointTrajectory, Float64MultiArray, or goals; see nodes/outputs.py


@dataclass(frozen=True)
class Joint:
    """One actuated joint.

    `lower`, `upper` are the mechanical range from the URDF; `safe_lower`, `safe_upper` lie a margin inside it
    and are what commands are held to. A joint that turns without end has `UNBOUNDED` ones.
    """

    name: str
    lower: float  # [rad], [m] of a prismatic joint, and likewise below
    upper: float  # [rad]
    safe_lower: float  # [rad]
    safe_upper: float  # [rad]
    max_velocity: float  # [rad/s], URDF limit times the velocity_scale
    max_acceleration: float  # [rad/s^2]
    unit: str = "rad"  # or "m"
    tracking_error_limit: float | None = None  # [rad]; None: the executor's parameter
    turn: float | None = None  # [rad] where the turn begins in which a policy sees a joint that turns without end; None: it has ends
    wraps: bool = False  # whether its driver is told positions within that turn only
    max_jerk: float = math.inf  # [rad/s^3], while the policy is followed
    joint_state_timeout: float | None = None  # [s] how old a measurement may be; None: the nodes' parameters

    @property
    def span(self) -> tuple[float, float]:
        """[rad] what a policy's -1 and +1 mean."""
        return (self.lower, self.upper) if self.turn is None else (self.turn, self.turn + TURN)


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
    parts: dict[str, tuple[str, ...]]  # each of `PARTS` -> joint names, in group order
    controllers: tuple[ControllerConfig, ...]
    base: BaseLimits | None  # None: a robot without a mobile base
    file: Path  # the YAML file; the simulation reads its own section of it
    recording: RecordingConfig = field(default_factory=RecordingConfig)  # topics and names of recordings to learn from
    cameras: tuple[Camera, ...] = (Camera(),)  # the first one is what a policy looks at that names none
    clearance: ClearanceSettings | None = None  # None: the bodies are not kept apart
    joint_prefix: str = ""  # of all joint names in the messages of drivers
    grippers: dict[str, Gripper] = field(default_factory=dict)  # group -> what it is, of those that are grippers or hands

    @cached_property
    def wire(self) -> Wire:
        """How drivers speak of the joints."""
        turning = frozenset(name for name, joint in self.joints.items() if joint.turn is not None)
        rare = tuple((name, joint.joint_state_timeout) for name, joint in self.joints.items() if joint.joint_state_timeout is not None)
        return Wire(self.joint_prefix, turning, rare)

    @property
    def streamed(self) -> tuple[ControllerConfig, ...]:
        """The controllers whose commands stand on a topic; the others are sent goals of an action."""
        return tuple(c for c in self.controllers if c.type not in ACTIONS)

    @property
    def gripping(self) -> tuple[str, ...]:
        """The joints of grippers and hands."""
        return tuple(joint for gripper in self.grippers.values() for joint in gripper.joints)

    def spans(self, names: tuple[str, ...]) -> np.ndarray:
        """(2, len(names)) `Joint.span` of the named joints: what a policy's -1 and +1 mean."""
        return np.asarray(np.array([joint.span for joint in self._named(names)], dtype=np.float64).reshape(-1, 2).T)

    def limits(self, names: tuple[str, ...], field: str) -> np.ndarray:
        """One `Joint` field for the named joints, as an array (len(names),); NaN where it is None."""
        return np.array([getattr(joint, field) for joint in self._named(names)], dtype=np.float64)

    def _named(self, names: tuple[str, ...]) -> list[Joint]:
        missing = [n for n in names if n not in self.joints]
        if missing:
            raise ConfigError(f"robot {self.name}: unknown joints {missing}; it has {sorted(self.joints)}")
        return [self.joints[n] for n in names]
