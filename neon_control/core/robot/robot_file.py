"""Reads a robot file (YAML), and the joints of the URDF that it names, into a `Robot`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load, setting
from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.clearance_settings import ClearanceSettings
from neon_control.core.robot.gripper import ACTIONS, Gripper, check_goals, narrowed, with_joints, without_margins
from neon_control.core.robot.joint_limits import Limits, load_joints
from neon_control.core.robot.packages import PACKAGE, NoPackageError, locate
from neon_control.core.robot.recording_names import CommandTopic, load_recording
from neon_control.core.robot.robot import PARTS, BaseLimits, ControllerConfig, Joint, Robot
from neon_control.core.robot.urdf import read_urdf
from neon_control.core.robot.xacro_file import expand, is_xacro_file


@dataclass(frozen=True)
class RobotFile:
    """The fields of a robot file."""

    name: str = setting(scalar=True)
    urdf: str = setting(scalar=True)  # or xacro; relative to the robot file or the package's share folder, or `package://NAME/path`
    groups: dict[str, tuple[str, ...]] = setting()
    parts: dict[str, tuple[str, ...] | None] = setting(keys=PARTS)  # -> names of groups
    limits: Limits = setting()
    urdf_from: str = setting("", null=True, scalar=True)  # where the URDF's packages are published, for who has not got them
    urdf_arguments: dict[str, str] = setting({}, null=True, scalar=True)  # of a xacro file
    joint_prefix: str = setting("", null=True, scalar=True)  # of all joint names in drivers' messages
    base: BaseLimits | None = setting(None, null=True)
    cameras: dict[str, Camera] = setting({"camera": Camera()}, null=True, filled=True)
    controllers: dict[str, ControllerConfig] = setting({}, null=True)  # their joints may also be names of groups
    clearance: ClearanceSettings | None = setting(None, null=True)
    grippers: dict[str, Gripper] = setting({}, null=True)  # group -> what it is, of those that are grippers or hands
    recording: Any = None  # see `load_recording`
    simulation: Any = None  # the simulation reads it
    unitree: Any = None  # the driver of a G1 reads it


def load_robot(path: str | Path) -> Robot:
    """Read a robot YAML file, whose bare name is looked up in the package's `config/`, and the URDF that it names.

    Raises:
        ConfigError: a file is missing or malformed, a joint has no limit, or a margin leaves no range.
    """
    file = find_file(path, "config")
    data = load(RobotFile, read_mapping(file), Place(file))
    try:
        urdf_path = _find_urdf(file, data)
    except NoPackageError as error:
        raise NoPackageError(
            f"{error}; {file.name} says where it is published: {data.urdf_from}" if data.urdf_from else str(error)
        ) from None
    grippers = with_joints(file, data.grippers, data.groups)
    limits = replace(data.limits, groups=without_margins(data.limits.groups, grippers))
    joints = narrowed(file, load_joints(Place(file, "limits"), read_urdf(urdf_path), data.groups, limits), grippers)
    parts = _load_parts(file, data.groups, data.parts)
    controllers = tuple(replace(c, joints=_expand(file, data.groups, joints, c)) for c in data.controllers.values())
    for c in controllers:
        check_goals(file, c.name, c.type, c.joints, grippers)
    driven = [j for c in controllers for j in c.joints]
    twice = sorted({j for j in driven if driven.count(j) > 1})
    if twice:
        raise ConfigError(f"{file}: joints {twice} belong to more than one controller")
    cameras = tuple(data.cameras.values())
    topics = [c.topic for c in cameras]
    if len(set(topics)) < len(topics):
        raise ConfigError(f"{file}: cameras need topics of their own, got {topics}")
    commands = tuple(CommandTopic(c.topic, c.joints) for c in controllers if c.type not in ACTIONS)  # goals are on no topic
    prefix = data.joint_prefix
    parsed = data.name, urdf_path, joints, data.groups, parts, controllers, data.base, file
    robot = Robot(*parsed, cameras=cameras, clearance=data.clearance, joint_prefix=prefix, grippers=grippers)
    base = "" if data.base is None else data.base.topic
    units = {name: joint.unit for name, joint in joints.items()}
    recording = load_recording(file, data.recording, commands, cameras[0], base, robot.wire, list(data.cameras), units)
    return replace(robot, recording=recording)


def _find_urdf(file: Path, data: RobotFile) -> Path:
    """The URDF file; where a xacro file is named, what it expands to."""
    found = _resolve_urdf(file, data.urdf)
    if is_xacro_file(found):
        return expand(found, data.urdf_arguments)
    if data.urdf_arguments:
        raise ConfigError(f"{file}: urdf_arguments are of a xacro file, which {found} is not")
    return found


def _resolve_urdf(file: Path, urdf: str) -> Path:
    if urdf.startswith(PACKAGE):
        found = locate(urdf, file)
        if not found.is_file():
            raise ConfigError(f"{file}: urdf: {urdf} is {found}, which is not there")
        return found.resolve()
    beside = file.parent / urdf
    if beside.is_file():
        return beside.resolve()
    try:
        return find_file(urdf)
    except ConfigError as error:
        raise ConfigError(f"{file}: urdf: {error}; nor is it at {beside}") from error


def _load_parts(
    file: Path, groups: Mapping[str, tuple[str, ...]], given: Mapping[str, tuple[str, ...] | None]
) -> dict[str, tuple[str, ...]]:
    parts: dict[str, tuple[str, ...]] = {}
    for part in PARTS:
        unknown = [group for group in given.get(part) or () if group not in groups]
        if unknown:
            raise ConfigError(f"{file}: parts.{part} names {unknown}, but the groups are {sorted(groups)}")
        parts[part] = tuple(joint for group in given.get(part) or () for joint in groups[group])
    if not parts["arms"]:
        raise ConfigError(f"{file}: parts.arms is empty; every robot needs at least one arm group")
    return parts


def _expand(
    file: Path, groups: Mapping[str, tuple[str, ...]], joints: Mapping[str, Joint], controller: ControllerConfig
) -> tuple[str, ...]:
    """Names of groups stand for their joints, so that a controller need not repeat them."""
    unknown = [name for name in controller.joints if name not in groups and name not in joints]
    if unknown:
        raise ConfigError(f"{file}: controllers.{controller.name}.joints names {unknown}, which are neither groups nor joints")
    return tuple(joint for name in controller.joints for joint in groups.get(name, (name,)))
