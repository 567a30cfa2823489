"""What the simulation needs to know of a robot beyond its robot file: the section `simulation` of the same YAML.

A real robot has a home, motors, a camera and a place to stand; a simulated one has to be told. docs/robots.md says what each field means.
"""

from __future__ import annotations

import math
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
TASKS = ("reach", "pick_place")
Span = tuple[float, float]  # lowest, highest


@dataclass(frozen=True)
class Servo:
    """Position servo of a joint."""

    stiffness: float = setting(above=0.0)  # [N m/rad], [N/m] of a prismatic joint
    armature: float = setting(above=0.0)  # [kg m^2], [kg]


@dataclass(frozen=True)
class Hand:
    """A hand that can reach for something, and grasp it if it has a gripper.

    The link `tcp` of such a hand lies between its fingers: they point along its x axis and close along its y axis.
    """

    group: str  # of the joints that place it
    tcp: str  # link of the fingertip
    gripper: str = setting(
        ""
    )  # group of one joint that closes it, with `open` and `closed` in the section `grippers`; empty: it cannot grasp
    pitch: float = setting(math.pi / 2.0, minimum=0.0, maximum=math.pi / 2.0)  # [rad] below the horizontal in which the fingers point


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
    task: str = setting("reach", choices=TASKS)
    tray: tuple[float, ...] | None = setting(None, keys=("x", "y"))  # [m] centre of the tray on the table; only `pick_place` has one

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
    _check_task(place, robot, servos, description)
    return replace(description, servos=servos)


def simulated_mode(robot: Robot) -> str:
    """Which parts a policy for the simulated task moves (`action_space.MODES`): hands too, where there are any."""
    return "arms_hands" if robot.parts["hands"] else "arms_only"


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


def _check_task(place: Place, robot: Robot, servos: Mapping[str, Servo], description: SimDescription) -> None:
    """Whether a robot that shall pick and place can: it needs a tray, and grippers of one driven joint that know two states."""
    if (description.tray is not None) != (description.task == "pick_place"):
        raise ConfigError(f"{place.at('tray')} goes with the task pick_place; the task is {description.task}, the tray {description.tray}")
    for name, hand in description.hands.items():
        at = place.at("hands").at(name).at("gripper")
        if not hand.gripper:
            if description.task == "pick_place":
                raise ConfigError(f"{at} is missing: in the task pick_place every hand grasps")
            continue
        _check_known(at, hand.gripper, robot.grippers)
        gripper = robot.grippers[hand.gripper]
        if gripper.open is None or gripper.closed is None or len(gripper.joints) != 1 or gripper.joints[0] not in servos:
            raise ConfigError(
                f"{at} needs one joint with a servo, and `open` and `closed` in the section grippers; {hand.gripper} has the joints "
                f"{list(gripper.joints)}, open {gripper.open}, closed {gripper.closed}"
            )


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
