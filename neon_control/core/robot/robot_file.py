"""Reads a robot file (YAML), and the joints of the URDF that it names, into a `Robot`."""

from __future__ import annotations

import math
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
from neon_control.core.robot.recording_names import CommandTopic, load_recording
from neon_control.core.robot.robot import PARTS, BaseLimits, ControllerConfig, Joint, Robot
from neon_control.core.robot.urdf import read_urdf


@dataclass(frozen=True)
class GroupLimits:
    """What the joints of one group are held to."""

    velocity_scale: float = setting(above=0.0, maximum=1.0)  # of the URDF's limit, which it may only narrow
    max_acceleration: float = setting(above=0.0)  # [rad/s^2]
    max_jerk: float | None = setting(None, above=0.0)  # [rad/s^3], None: not limited


@dataclass(frozen=True)
class Limits:
    """The section `limits`."""

    groups: dict[str, GroupLimits]
    position_margin: float = setting(0.0, minimum=0.0)  # [rad]


@dataclass(frozen=True)
class RobotFile:
    """The fields of a robot file."""

    name: str = setting(scalar=True)
    urdf: str = setting(scalar=True)
    groups: dict[str, tuple[str, ...]] = setting()
    parts: dict[str, tuple[str, ...] | None] = setting(keys=PARTS)  # -> names of groups
    limits: Limits = setting()
    base: BaseLimits | None = setting(None, null=True)
    cameras: dict[str, Camera] = setting({"camera": Camera()}, null=True, filled=True)
    controllers: dict[str, ControllerConfig] = setting({}, null=True)  # their joints may also be names of groups
    clearance: ClearanceSettings | None = setting(None, null=True)
    recording: Any = None  # see `load_recording`
    simulation: Any = None  # the simulation reads it


def load_robot(path: str | Path) -> Robot:
    """Read a robot YAML file, whose bare name is looked up in the package's `config/`, and the URDF that it names.

    Raises:
        ConfigError: a file is missing or malformed, a joint has no limit, or a margin leaves no range.
    """
    file = find_file(path, "config")
    data = load(RobotFile, read_mapping(file), Place(file))
    urdf_path = _resolve_urdf(file, data.urdf)
    joints = _load_joints(file, urdf_path, data.groups, data.limits)
    parts = _load_parts(file, data.groups, data.parts)
    controllers = tuple(replace(c, joints=_expand(file, data.groups, joints, c)) for c in data.controllers.values())
    driven = [j for c in controllers for j in c.joints]
    twice = sorted({j for j in driven if driven.count(j) > 1})
    if twice:
        raise ConfigError(f"{file}: joints {twice} belong to more than one controller")
    cameras = tuple(data.cameras.values())
    topics = [c.topic for c in cameras]
    if len(set(topics)) < len(topics):
        raise ConfigError(f"{file}: cameras need topics of their own, got {topics}")
    commands = tuple(CommandTopic(c.topic, c.joints) for c in controllers)
    recording = load_recording(file, data.recording, commands, cameras[0])
    return Robot(data.name, urdf_path, joints, data.groups, parts, controllers, data.base, file, recording, cameras, data.clearance)


def _resolve_urdf(file: Path, urdf: str) -> Path:
    beside = file.parent / urdf
    if beside.is_file():
        return beside.resolve()
    try:
        return find_file(urdf)
    except ConfigError as error:
        raise ConfigError(f"{file}: urdf: {error}; nor is it at {beside}") from error


def _load_joints(file: Path, urdf_path: Path, groups: Mapping[str, tuple[str, ...]], limits: Limits) -> dict[str, Joint]:
    urdf = read_urdf(urdf_path)
    margin = limits.position_margin
    joints: dict[str, Joint] = {}
    for group, names in groups.items():
        if group not in limits.groups:
            raise ConfigError(f"{file}: missing field 'limits.groups.{group}'; there are {sorted(limits.groups)}")
        of_group = limits.groups[group]
        for name in names:
            if name in joints:
                raise ConfigError(f"{file}: joint {name} is in more than one group")
            lower, upper, velocity = urdf.limits(name)
            if upper - lower <= 2.0 * margin:
                raise ConfigError(f"{file}: position_margin {margin} rad leaves joint {name} no range in [{lower}, {upper}]")
            velocity *= of_group.velocity_scale
            limits_of_change = of_group.max_acceleration, of_group.max_jerk or math.inf
            joints[name] = Joint(name, lower, upper, lower + margin, upper - margin, velocity, *limits_of_change)
    return joints


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
