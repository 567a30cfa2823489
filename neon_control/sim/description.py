"""What the simulation needs to know of a robot beyond its robot file: the section `simulation` of the same YAML.

A real robot has a home, motors, a camera and a place to stand; a simulated one has to be told. docs/robots.md says what each field means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
class HandNames:
    """A hand that can reach for something."""

    group: str  # of the joints that place it
    tcp: str  # link of the fingertip


@dataclass(frozen=True)
class Hand:
    """The same, with the joints of the group."""

    joints: tuple[str, ...]
    tcp: str


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
class FixedSection:
    """The section `simulation` of a robot that is bolted to its place."""

    mount: tuple[float, float, float]  # [m] of the root link in the world, with the base at its origin
    home: dict[str, float]  # joint -> [rad]; all others are at 0
    servos: dict[str, Servo]  # pattern of joint names -> servo
    hands: dict[str, HandNames] = setting(filled=True)
    camera: SimCamera = setting()
    cubes: tuple[Span, ...] = setting(keys=("x", "y"), ascending=True)  # [m] ranges of cube centres on the table


@dataclass(frozen=True)
class MovingSection(FixedSection):
    """That of a robot that drives."""

    base: MovingBase = setting()


@dataclass(frozen=True)
class SimDescription:
    """One robot's section `simulation`, with its patterns and groups resolved."""

    mount: tuple[float, float, float]  # [m] of the root link in the world, with the base at its origin
    home: dict[str, float]  # joint -> [rad]; all others are at 0
    servos: dict[str, Servo]  # joint -> servo; a joint without one stands still at 0
    hands: dict[str, Hand]
    camera: SimCamera
    cubes: tuple[Span, ...]  # [m] x and y ranges of cube centres on the table
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
    place = Place(robot.file, SECTION)
    section = load(FixedSection if robot.base is None else MovingSection, data, place)
    links = set(read_urdf(robot.urdf_path).links)
    _check_known(place.at("camera").at("link"), section.camera.link, links)
    servos = _servos(place, robot, section.servos)
    return SimDescription(
        mount=section.mount,
        home=_home(place, robot, servos, section.home),
        servos=servos,
        hands=_hands(place, robot, links, section.hands),
        camera=section.camera,
        cubes=section.cubes,
        base=section.base if isinstance(section, MovingSection) else None,
    )


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


def _home(place: Place, robot: Robot, servos: Mapping[str, Servo], home: dict[str, float]) -> dict[str, float]:
    for name in home:
        _check_known(place.at("home"), name, servos)
    for name in servos:
        joint, value = robot.joints[name], home.get(name, 0.0)
        if not joint.safe_lower <= value <= joint.safe_upper:
            limits = f"[{joint.safe_lower:.4g}, {joint.safe_upper:.4g}]"
            raise ConfigError(f"{place.at('home').at(name)} is {value} rad, but the joint's safe range is {limits}")
    return home


def _hands(place: Place, robot: Robot, links: Collection[str], named: Mapping[str, HandNames]) -> dict[str, Hand]:
    arms = {group for group, joints in robot.groups.items() if set(joints) <= set(robot.parts["arms"])}
    for name, hand in named.items():
        _check_known(place.at("hands").at(name).at("group"), hand.group, arms)
        _check_known(place.at("hands").at(name).at("tcp"), hand.tcp, links)
    return {name: Hand(robot.groups[hand.group], hand.tcp) for name, hand in named.items()}


def _check_known(place: Place, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigError(f"{place} names '{name}', but there is only {sorted(known)}")
