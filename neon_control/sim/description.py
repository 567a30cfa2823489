"""What the simulation needs to know of a robot beyond its robot file: the section `simulation` of the same YAML.

A real robot has a home, motors, a camera and a place to stand; a simulated one has to be told. docs/robots.md says what each field means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.urdf import read_urdf

SECTION = "simulation"
Span = tuple[float, float]  # lowest, highest


@dataclass(frozen=True)
class Servo:
    """Position servo of a joint."""

    stiffness: float  # [N m/rad]
    armature: float  # [kg m^2]


@dataclass(frozen=True)
class Hand:
    """A hand that can reach for something."""

    joints: tuple[str, ...]  # that place it
    tcp: str  # link of the fingertip


@dataclass(frozen=True)
class MovingBase:
    """Where a robot with a planar base drives."""

    start: tuple[Span, ...]  # x, y, yaw [m, m, rad] at the begin of an episode
    on_the_way: tuple[Span, ...]  # x, y, yaw [m, m, rad] in mid-episode
    front_limit: float  # [m] largest x: the platform touches the table there
    reach_box: tuple[Span, ...]  # [m] forward, and outward to the reaching side, in the base frame


@dataclass(frozen=True)
class SimDescription:
    """One robot's section `simulation`, validated once when it is loaded."""

    mount: tuple[float, float, float]  # [m] of the root link in the world, with the base at its origin
    home: dict[str, float]  # joint -> [rad]; all others are at 0
    servos: dict[str, Servo]  # joint -> servo; a joint without one stands still at 0
    hands: dict[str, Hand]
    camera_link: str  # looks along its x axis, z up
    camera_fov: float  # [deg] vertical
    cube_area: tuple[Span, ...]  # [m] x and y ranges of cube centres on the table
    base: MovingBase | None  # None: bolted to its place

    def home_positions(self, joint_names: tuple[str, ...]) -> np.ndarray:
        """The pose that an episode starts from, (len(joint_names),) [rad]."""
        return np.array([self.home.get(name, 0.0) for name in joint_names])


def load_description(robot: Robot) -> SimDescription:
    """Read the section `simulation` of a robot's file.

    Raises:
        ConfigError: the section is missing, or a field of it is missing, unknown, out of range, or names what the robot does not have.
    """
    data = read_mapping(robot.file).get(SECTION)
    if data is None:
        raise ConfigError(f"{robot.file}: missing field '{SECTION}': the simulation needs it, see docs/robots.md")
    reader = _Reader(robot.file)
    needed = ["mount", "home", "servos", "hands", "camera", "cubes", *(["base"] if robot.base is not None else [])]
    data = reader.mapping(SECTION, data, needed)
    links = set(read_urdf(robot.urdf_path).links)
    servos = _servos(reader, robot, data["servos"])
    camera = reader.mapping(f"{SECTION}.camera", data["camera"], ["link", "fov"])
    fov = reader.number(f"{SECTION}.camera.fov", camera["fov"])
    if not 1.0 <= fov <= 170.0:
        raise ConfigError(f"{robot.file}: {SECTION}.camera.fov must be from 1 to 170 degrees, got {fov}")
    return SimDescription(
        mount=reader.triple(f"{SECTION}.mount", data["mount"]),
        home=_home(reader, robot, servos, data["home"]),
        servos=servos,
        hands=_hands(reader, robot, links, data["hands"]),
        camera_link=reader.choice(f"{SECTION}.camera.link", camera["link"], links),
        camera_fov=fov,
        cube_area=reader.spans(f"{SECTION}.cubes", data["cubes"], "x", "y"),
        base=_base(reader, data["base"]) if robot.base is not None else None,
    )


def _servos(reader: _Reader, robot: Robot, data: Any) -> dict[str, Servo]:
    servos: dict[str, Servo] = {}
    for pattern, values in reader.mapping(f"{SECTION}.servos", data).items():
        where = f"{SECTION}.servos.{pattern}"
        values = reader.mapping(where, values, ["stiffness", "armature"])
        servo = Servo(*(reader.number(f"{where}.{key}", values[key], positive=True) for key in ("stiffness", "armature")))
        names = [n for n in robot.joints if fnmatchcase(n, pattern)]
        if not names:
            raise ConfigError(f"{robot.file}: {where} matches no joint; the robot has {sorted(robot.joints)}")
        for name in names:
            servos.setdefault(name, servo)  # the first pattern wins
    still = [n for n in robot.parts["arms"] if n not in servos]
    if still:
        raise ConfigError(f"{robot.file}: {SECTION}.servos has no pattern that matches {still}, but arms have to move")
    return servos


def _home(reader: _Reader, robot: Robot, servos: dict[str, Servo], data: Any) -> dict[str, float]:
    home = {}
    for name, value in reader.mapping(f"{SECTION}.home", data).items():
        home[reader.choice(f"{SECTION}.home", name, servos)] = reader.number(f"{SECTION}.home.{name}", value)
    for name in servos:
        joint, value = robot.joints[name], home.get(name, 0.0)
        if not joint.safe_lower <= value <= joint.safe_upper:
            limits = f"[{joint.safe_lower:.4g}, {joint.safe_upper:.4g}]"
            raise ConfigError(f"{robot.file}: {SECTION}.home.{name} is {value} rad, but the joint's safe range is {limits}")
    return home


def _hands(reader: _Reader, robot: Robot, links: set[str], data: Any) -> dict[str, Hand]:
    hands = {}
    for name, values in reader.mapping(f"{SECTION}.hands", data).items():
        where = f"{SECTION}.hands.{name}"
        values = reader.mapping(where, values, ["group", "tcp"])
        arms = {group for group, joints in robot.groups.items() if set(joints) <= set(robot.parts["arms"])}
        group = reader.choice(f"{where}.group", values["group"], arms)
        hands[str(name)] = Hand(robot.groups[group], reader.choice(f"{where}.tcp", values["tcp"], links))
    if not hands:
        raise ConfigError(f"{robot.file}: {SECTION}.hands is empty; the task needs at least one hand")
    return hands


def _base(reader: _Reader, data: Any) -> MovingBase:
    where = f"{SECTION}.base"
    data = reader.mapping(where, data, ["start", "on_the_way", "front_limit", "reach_box"])
    return MovingBase(
        reader.spans(f"{where}.start", data["start"], "x", "y", "yaw"),
        reader.spans(f"{where}.on_the_way", data["on_the_way"], "x", "y", "yaw"),
        reader.number(f"{where}.front_limit", data["front_limit"]),
        reader.spans(f"{where}.reach_box", data["reach_box"], "forward", "outward"),
    )


@dataclass(frozen=True)
class _Reader:
    """Checks values; every error names the file and the field."""

    file: Path

    def mapping(self, field: str, value: Any, keys: list[str] | None = None) -> dict[str, Any]:
        """A mapping, with exactly `keys` if they are given."""
        if not isinstance(value, dict):
            raise ConfigError(f"{self.file}: {field} must be a mapping, got {value!r}")
        if keys is not None and set(value) != set(keys):
            missing, unknown = sorted(set(keys) - set(value)), sorted(map(str, set(value) - set(keys)))
            raise ConfigError(f"{self.file}: {field} needs the fields {keys}; missing {missing}, unknown {unknown}")
        return value

    def number(self, field: str, value: Any, positive: bool = False) -> float:
        """A finite number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or (positive and value <= 0.0):
            raise ConfigError(f"{self.file}: {field} must be a finite number{' > 0' if positive else ''}, got {value!r}")
        return float(value)

    def triple(self, field: str, value: Any) -> tuple[float, float, float]:
        """Three numbers."""
        if not isinstance(value, list) or len(value) != 3:
            raise ConfigError(f"{self.file}: {field} needs three numbers [x, y, z], got {value!r}")
        x, y, z = (self.number(field, v) for v in value)
        return x, y, z

    def spans(self, field: str, value: Any, *axes: str) -> tuple[Span, ...]:
        """A range for each of `axes`."""
        value = self.mapping(field, value, list(axes))
        return tuple(self._span(f"{field}.{axis}", value[axis]) for axis in axes)

    def _span(self, field: str, value: Any) -> Span:
        if not isinstance(value, list) or len(value) != 2:
            raise ConfigError(f"{self.file}: {field} needs two numbers [lowest, highest], got {value!r}")
        low, high = (self.number(field, v) for v in value)
        if low > high:
            raise ConfigError(f"{self.file}: {field} needs lowest <= highest, got {value!r}")
        return low, high

    def choice(self, field: str, value: Any, known: Any) -> str:
        """A name that is known."""
        if value not in known:
            raise ConfigError(f"{self.file}: {field} names '{value}', but there is only {sorted(known)}")
        return str(value)
