"""What the simulation needs to know of a robot beyond its robot file: the section `simulation` of the same YAML.

A real robot has a home, motors, a camera and a place to stand; a simulated one has to be told. docs/robots.md says what each field means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load, setting
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.urdf import read_urdf

SECTION = "simulation"
Span = tuple[float, float]  # lowest, highest


@dataclass(frozen=True)
class Servo:
    """Position servo of a joint."""

    stiffness: float = setting(above=0.0)  # [N m/rad]
    armature: float = setting(above=0.0)  # [kg m^2]


@dataclass(frozen=True)
class Hand:
    """A hand that can reach for something."""

    group: str  # of the joints that place it
    tcp: str  # link of the fingertip


@dataclass(frozen=True)
class SimCamera:
    """The camera that is drawn."""

    link: str  # looks along its x axis, z up
    fov: float = setting(minimum=1.0, maximum=170.0)  # [deg] vertical


@dataclass(frozen=True)
class MovingBase:
    """Where a robot with a planar base drives."""

    start: tuple[Span, ...] = setting(keys=("x", "y", "yaw"), ascending=True)  # [m, m, rad] at the begin of an episode
    on_the_way: tuple[Span, ...] = setting(keys=("x", "y", "yaw"), ascending=True)  # [m, m, rad] in mid-episode
    front_limit: float = setting()  # [m] largest x: the platform touches the table there
    reach_box: tuple[Span, ...] = setting(keys=("forward", "outward"), ascending=True)  # [m] from the base; outward: to the reaching side


@dataclass(frozen=True)
class SimDescription:
    """The section `simulation` of a robot's file."""

    mount: tuple[float, float, float]  # [m] of the root link in the world, with the base at its origin
    home: dict[str, float]  # joint -> [rad]; all others are at 0
    servos: dict[str, Servo]  # in the file: pattern of joint names; once loaded: joint, and one without stands still at 0
    hands: dict[str, Hand] = setting(filled=True)
    camera: SimCamera = setting()
    cubes: tuple[Span, ...] = setting(keys=("x", "y"), ascending=True)  # [m] ranges of cube centres on the table
    base: MovingBase | None = setting()  # None: bolted to its place; only then the file leaves it out

    def home_positions(self, joint_names: tuple[str, ...]) -> np.ndarray:
        """The pose that an episode starts from, (len(joint_names),) [rad]."""
        return np.array([self.home.get(name, 0.0) for name in joint_names])


def load_description(robot: Robot) -> SimDescription:
    """Read a robot's section; ConfigError where it or a field is missing, unknown, out of range, or names what the robot does not have."""
    data = read_mapping(robot.file).get(SECTION)
    if data is None:
        raise ConfigError(f"{robot.file}: missing field '{SECTION}': the simulation needs it, see docs/robots.md")
    place = Place(robot.file, SECTION)
    no_base = {"base": None} if robot.base is None else {}
    description = load(SimDescription, data, place, **no_base)
    _check_names(place, robot, description)
    servos = _servos(place, robot, description.servos)
    _check_home(place, robot, servos, description.home)
    return replace(description, servos=servos)


def _servos(place: Place, robot: Robot, patterns: Mapping[str, Servo]) -> dict[str, Servo]:
    servos: dict[str, Servo] = {}
    for pattern, servo in patterns.items():
        names = [n for n in robot.joints if fnmatchcase(n, pattern)]
        if not names:
            raise ConfigError(f"{place.at('servos').at(pattern)} matches no joint; the robot has {sorted(robot.joints)}")
        for name in names:
            servos.setdefault(name, servo)  # the first pattern wins
    without = [n for n in robot.parts["arms"] if n not in servos]
    if without:
        raise ConfigError(f"{place.at('servos')} has no pattern that matches {without}, but arms have to move")
    return servos


def _check_home(place: Place, robot: Robot, servos: Mapping[str, Servo], home: Mapping[str, float]) -> None:
    for name in home:
        _check_known(place.at("home"), name, servos)
    for name in servos:
        joint, value = robot.joints[name], home.get(name, 0.0)
        if not joint.safe_lower <= value <= joint.safe_upper:
            limits = f"[{joint.safe_lower:.4g}, {joint.safe_upper:.4g}]"
            raise ConfigError(f"{place.at('home').at(name)} is {value} rad, but the joint's safe range is {limits}")


def _check_names(place: Place, robot: Robot, description: SimDescription) -> None:
    links = read_urdf(robot.urdf_path).links
    arms = [group for group, joints in robot.groups.items() if set(joints) <= set(robot.parts["arms"])]
    _check_known(place.at("camera").at("link"), description.camera.link, links)
    for name, hand in description.hands.items():
        _check_known(place.at("hands").at(name).at("group"), hand.group, arms)
        _check_known(place.at("hands").at(name).at("tcp"), hand.tcp, links)


def _check_known(place: Place, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigError(f"{place} names '{name}', but there is only {sorted(known)}")
