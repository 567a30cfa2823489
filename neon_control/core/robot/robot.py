"""The robot as data: joints and limits from its URDF, groups, controllers and safety margins from one YAML file.

Position and velocity limits are read from the URDF and nowhere else. The YAML file only narrows them
(`position_margin`, `velocity_scale`) and adds what a URDF cannot say (accelerations, groups, controllers, the base).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import as_mapping, as_names, read_mapping
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig, load_recording
from neon_control.core.robot.urdf import read_urdf

PARTS = ("arms", "torso", "legs")  # the order of an action vector; the base comes last
BASE_AXES = ("vx", "vy", "yaw_rate")  # [m/s, m/s, rad/s] in the base frame (REP-103)
FIELDS = ("name", "urdf", "groups", "parts", "limits", "base", "cameras", "controllers", "recording", "simulation")  # of a robot file
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


@dataclass(frozen=True)
class BaseLimits:
    """Limits of the mobile base, one value for each of `BASE_AXES`."""

    max_velocity: np.ndarray  # (3,) [m/s, m/s, rad/s]
    max_acceleration: np.ndarray  # (3,) [m/s^2, m/s^2, rad/s^2]
    max_jerk: np.ndarray | None = None  # (3,) [m/s^3, m/s^3, rad/s^3], None: not limited


@dataclass(frozen=True)
class ControllerConfig:
    """One downstream joint controller and the joints that it drives."""

    name: str
    topic: str
    joints: tuple[str, ...]
    type: str = "joint_trajectory"  # one of `CONTROLLER_TYPES`


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

    def limits(self, names: tuple[str, ...], field: str) -> np.ndarray:
        """One `Joint` field for the named joints, as an array (len(names),)."""
        missing = [n for n in names if n not in self.joints]
        if missing:
            raise ConfigError(f"robot {self.name}: unknown joints {missing}; it has {sorted(self.joints)}")
        return np.array([getattr(self.joints[n], field) for n in names], dtype=np.float64)


def load_robot(path: str | Path) -> Robot:
    """Read a robot YAML file and the URDF that it names.

    Args:
        path: the YAML file; a bare name is looked up in the package's `config/`.

    Raises:
        ConfigError: a file is missing or malformed, a joint has no limit, or a margin leaves no range.
    """
    file = find_file(path, "config")
    data = as_mapping(file, "the robot", read_mapping(file), FIELDS)
    urdf_path = _resolve_urdf(file, str(_require(data, "urdf", file)))
    groups = {g: as_names(file, f"groups.{g}", names) for g, names in as_mapping(file, "groups", _require(data, "groups", file)).items()}
    joints = _load_joints(file, urdf_path, groups, _require(data, "limits", file))
    parts = _load_parts(file, groups, as_mapping(file, "parts", _require(data, "parts", file)))
    sections = as_mapping(file, "controllers", data.get("controllers"))
    controllers = tuple(_load_controller(file, groups, joints, name, section) for name, section in sections.items())
    driven = [j for c in controllers for j in c.joints]
    twice = sorted({j for j in driven if driven.count(j) > 1})
    if twice:
        raise ConfigError(f"{file}: joints {twice} belong to more than one controller")
    base, cameras = _load_base(file, data.get("base")), _load_cameras(file, data.get("cameras"))
    commands = tuple(CommandTopic(c.topic, c.joints) for c in controllers)
    recording = load_recording(file, data.get("recording"), commands, cameras[0].topic)
    return Robot(str(_require(data, "name", file)), urdf_path, joints, groups, parts, controllers, base, file, recording, cameras)


def _require(data: dict[str, Any], key: str, file: Path) -> Any:
    if not isinstance(data, dict) or data.get(key) is None:
        raise ConfigError(f"{file}: missing field '{key}'")
    return data[key]


def _resolve_urdf(file: Path, urdf: str) -> Path:
    beside = file.parent / urdf
    if beside.is_file():
        return beside.resolve()
    try:
        return find_file(urdf)
    except ConfigError as error:
        raise ConfigError(f"{file}: urdf: {error}; nor is it at {beside}") from error


def _load_joints(file: Path, urdf_path: Path, groups: dict[str, tuple[str, ...]], section: Any) -> dict[str, Joint]:
    urdf = read_urdf(urdf_path)
    limits = as_mapping(file, "limits", section, ("position_margin", "groups"))
    margin = _positive(file, "limits.position_margin", limits.get("position_margin", 0.0), zero_allowed=True)
    joints: dict[str, Joint] = {}
    for group, names in groups.items():
        where = f"limits.groups.{group}"
        group_limits = _require(_require(limits, "groups", file), group, file)
        group_limits = as_mapping(file, where, group_limits, ("velocity_scale", "max_acceleration"))
        scale = _positive(file, f"{where}.velocity_scale", _require(group_limits, "velocity_scale", file))
        acceleration = _positive(file, f"{where}.max_acceleration", _require(group_limits, "max_acceleration", file))
        if scale > 1.0:
            raise ConfigError(f"{file}: {where}.velocity_scale is {scale}, but may only narrow the URDF's limit (0 < scale <= 1)")
        for name in names:
            if name in joints:
                raise ConfigError(f"{file}: joint {name} is in more than one group")
            lower, upper, velocity = urdf.limits(name)
            if upper - lower <= 2.0 * margin:
                raise ConfigError(f"{file}: position_margin {margin} rad leaves joint {name} no range in [{lower}, {upper}]")
            joints[name] = Joint(name, lower, upper, lower + margin, upper - margin, velocity * scale, acceleration)
    return joints


def _load_parts(file: Path, groups: dict[str, tuple[str, ...]], data: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    unknown = sorted(set(data) - set(PARTS))
    if unknown:
        raise ConfigError(f"{file}: parts {unknown} are unknown; a robot has {list(PARTS)}")
    parts: dict[str, tuple[str, ...]] = {}
    for part in PARTS:
        names: list[str] = []
        for group in as_names(file, f"parts.{part}", data.get(part) or []):
            if group not in groups:
                raise ConfigError(f"{file}: parts.{part} names group '{group}', but the groups are {sorted(groups)}")
            names.extend(groups[group])
        parts[part] = tuple(names)
    if not parts["arms"]:
        raise ConfigError(f"{file}: parts.arms is empty; every robot needs at least one arm group")
    return parts


def _load_controller(file: Path, groups: dict[str, tuple[str, ...]], joints: dict[str, Joint], name: str, section: Any) -> ControllerConfig:
    where = f"controllers.{name}"
    data = as_mapping(file, where, section, ("topic", "joints", "type"))
    topic, entries = str(_require(data, "topic", file)), as_names(file, f"{where}.joints", _require(data, "joints", file))
    kind = str(data.get("type", CONTROLLER_TYPES[0]))
    if kind not in CONTROLLER_TYPES:
        raise ConfigError(f"{file}: controllers.{name}.type is '{kind}', but must be one of {list(CONTROLLER_TYPES)}")
    return ControllerConfig(name, topic, _expand(file, groups, joints, entries), kind)


def _expand(file: Path, groups: dict[str, tuple[str, ...]], joints: dict[str, Joint], entries: tuple[str, ...]) -> tuple[str, ...]:
    """Names of groups stand for their joints, so that a controller need not repeat them."""
    names: list[str] = []
    for entry in entries:
        if entry in groups:
            names.extend(groups[entry])
        elif entry in joints:
            names.append(entry)
        else:
            raise ConfigError(f"{file}: controllers name '{entry}', which is neither a group nor a joint")
    return tuple(names)


def _load_base(file: Path, section: Any) -> BaseLimits | None:
    if section is None:
        return None
    data = as_mapping(file, "base", section, ("max_velocity", "max_acceleration", "max_jerk"))
    vectors = []
    for key in ("max_velocity", "max_acceleration", *(["max_jerk"] if "max_jerk" in data else [])):
        values = as_mapping(file, f"base.{key}", _require(data, key, file))
        if sorted(values) != sorted(BASE_AXES):
            raise ConfigError(f"{file}: base.{key} needs exactly the axes {list(BASE_AXES)}, got {sorted(values)}")
        vectors.append(np.array([_positive(file, f"base.{key}.{axis}", values[axis]) for axis in BASE_AXES]))
    return BaseLimits(*vectors)


def _load_cameras(file: Path, data: Any) -> tuple[Camera, ...]:
    if data is None:
        return (Camera(),)
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{file}: cameras must be a mapping from a name to {{topic: ..., transport: ...}}, got {data!r}")
    for name, entry in data.items():
        if not isinstance(entry, dict) or "topic" not in entry or set(entry) - {"topic", "transport"}:
            raise ConfigError(f"{file}: cameras.{name} must be a mapping with 'topic', and 'transport' if need be; got {entry!r}")
    try:
        cameras = tuple(Camera(str(n), str(e["topic"]), str(e.get("transport", ""))) for n, e in data.items())
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    topics = [c.topic for c in cameras]
    if len(set(topics)) < len(topics):
        raise ConfigError(f"{file}: cameras need topics of their own, got {topics}")
    return cameras


def _positive(file: Path, field: str, value: Any, zero_allowed: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{file}: {field} must be a finite number, got {value!r}")
    if value < 0.0 or (value == 0.0 and not zero_allowed):
        raise ConfigError(f"{file}: {field} must be {'>= 0' if zero_allowed else '> 0'}, got {value}")
    return float(value)
