"""The one reader of URDF files: links, joints, what a joint may do, and which have motors.

Meshes are left to what draws (yourdfpy) or simulates (MuJoCo).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import read_whole
from neon_control.core.robot.declared_motors import VELOCITY, motors
from neon_control.core.robot.xacro_file import MAX_BYTES, command, is_xacro, source_of

COMMANDED = ("revolute", "continuous", "prismatic")  # kinds of one degree of freedom
KINDS = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
MAX_PARTS = 2000  # links, and as many joints: the largest robots have some hundred
WITHOUT_AXIS = ("fixed", "floating")  # some exporters write an axis of zeros there


@dataclass(frozen=True)
class UrdfJoint:
    """A joint as its element says, with the defaults of the format."""

    where: str  # file and joint, for errors
    name: str
    kind: str  # one of `KINDS`
    parent: str  # link
    child: str  # link
    translation: np.ndarray  # (3,) [m] of the origin in the parent link
    roll_pitch_yaw: np.ndarray  # (3,) [rad] of the origin, about the parent's fixed axes
    axis: np.ndarray  # (3,) unit vector in the joint's frame
    limit: tuple[float, float, float] | None  # lower, upper [rad] or [m], velocity [rad/s] or [m/s]; NaN where the element lacks one
    source: str  # joint whose position counts: this one, or the one that it mimics
    multiplier: float  # position = multiplier * position of `source` + offset
    offset: float  # [rad] or [m]

    @property
    def unit(self) -> str:
        """Of its positions."""
        return "m" if self.kind == "prismatic" else "rad"


@dataclass(frozen=True)
class Urdf:
    """A file's links, and its joints by name, in the file's order."""

    file: Path
    links: tuple[str, ...]
    joints: dict[str, UrdfJoint]
    name: str = ""  # of the robot; empty where the file does not say it
    motors: dict[str, frozenset[str]] = field(default_factory=dict)  # see `declared_motors.py`

    @property
    def root(self) -> str:
        """The link that has no parent; ConfigError where there is not exactly one."""
        children = {joint.child for joint in self.joints.values()}
        roots = [link for link in self.links if link not in children]
        if len(roots) != 1:
            raise ConfigError(f"{self.file}: needs exactly one link without a parent, has {roots}")
        return roots[0]

    def turns_only(self, joint: str) -> bool:
        """Whether a joint can be told a velocity and nothing else, as wheels are."""
        return self.motors.get(joint, frozenset()) == frozenset((VELOCITY,))

    def commanded(self, name: str) -> UrdfJoint:
        """A joint that a group may name; ConfigError for one that cannot be commanded."""
        joint = self.joints.get(name)
        if joint is None:
            raise ConfigError(f"{self.file}: no joint named {name}; it has {sorted(self.joints)}")
        if joint.source != name:
            raise ConfigError(f"{joint.where} mimics another one, which moves it; it cannot be commanded and belongs to no group")
        if joint.kind not in COMMANDED:
            raise ConfigError(f"{joint.where} must be one of {list(COMMANDED)} to be commanded, got '{joint.kind}'")
        return joint


def read_urdf(file: Path) -> Urdf:
    """The content of a URDF file; ConfigError with the file and the element where it cannot be read or is malformed."""
    named = source_of(file)
    try:
        robot = ElementTree.fromstring(read_whole(file, MAX_BYTES))
        if is_xacro(robot):
            raise ValueError(f"it is a xacro file, not yet a URDF; a robot file may name it, or expand it: {command(named, {})}")
        if robot.tag != "robot":
            raise ValueError(f"needs the element <robot> at the top level, got <{robot.tag}>")
        for tag in ("link", "joint"):
            if (count := len(robot.findall(tag))) > MAX_PARTS:
                raise ValueError(f"it has {count} elements <{tag}>, at most {MAX_PARTS} are read")
        links = [_name("link", element, "name") for element in robot.findall("link")]
        joints = {joint.name: joint for joint in (_read_joint(named, element) for element in robot.findall("joint"))}
        _refuse_repeated("link", links)
        _refuse_repeated("joint", [element.get("name", "") for element in robot.findall("joint")])
        _refuse_repeated("child link", [joint.child for joint in joints.values()])
        known = set(links)
        for joint in joints.values():
            missing = [f"link {link}" for link in (joint.parent, joint.child) if link not in known]
            missing += [f"joint {joint.source}"] if joint.source not in joints else []
            if missing:
                raise ValueError(f"joint {joint.name} names {missing[0]}, which is not in the file")
    except ElementTree.ParseError as error:
        raise ConfigError(f"{named}: not valid XML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{named}: cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:  # the last two: of an encoding that is unknown, or none of texts
        raise ConfigError(f"{named}: {error}") from error
    return Urdf(named, tuple(links), joints, robot.get("name", ""), motors(robot))


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{what} {name} is there more than once")


def _read_joint(file: Path, element: ElementTree.Element) -> UrdfJoint:
    """A joint; ValueError where something is missing or no number."""
    name, kind = _name("joint", element, "name"), element.get("type", "")
    where = f"joint {name}:"
    if kind not in KINDS:
        raise ValueError(f"{where} type is '{kind}', but must be one of {list(KINDS)}")
    parent, child, origin, limit, mimic = (element.find(tag) for tag in ("parent", "child", "origin", "limit", "mimic"))
    if parent is None or child is None:
        raise ValueError(f"joint {name} needs a parent and a child")
    axis = _numbers(f"{where} axis", None if kind in WITHOUT_AXIS else element.find("axis"), "xyz", "1 0 0")
    if not axis.any():
        raise ValueError(f"{where} its axis has no direction")
    lower, upper, velocity = (_number(f"{where} limit", limit, key, "nan") for key in ("lower", "upper", "velocity"))
    return UrdfJoint(
        f"{file}: joint {name}",
        name,
        kind,
        _name(f"{where} parent", parent, "link"),
        _name(f"{where} child", child, "link"),
        _numbers(f"{where} origin", origin, "xyz", "0 0 0"),
        _numbers(f"{where} origin", origin, "rpy", "0 0 0"),
        axis / np.linalg.norm(axis),
        None if limit is None else (lower, upper, velocity),
        name if mimic is None else _name(f"{where} mimic", mimic, "joint"),
        _number(f"{where} mimic", mimic, "multiplier", "1"),
        _number(f"{where} mimic", mimic, "offset", "0"),
    )


def _name(where: str, element: ElementTree.Element, attribute: str) -> str:
    name = element.get(attribute, "")
    if not name:
        raise ValueError(f"{where} needs the attribute '{attribute}'")
    return name


def _number(where: str, element: ElementTree.Element | None, attribute: str, default: str) -> float:
    return float(_numbers(where, element, attribute, default, 1)[0])


def _numbers(where: str, element: ElementTree.Element | None, attribute: str, default: str, count: int = 3) -> np.ndarray:
    """(count,) of an attribute, finite unless it is the default."""
    text = default if element is None else element.get(attribute, default)
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (count,) or not (text == default or np.isfinite(numbers).all()):
        raise ValueError(f"{where} {attribute} needs {'three numbers' if count == 3 else 'a number'}, got '{text}'")
    return numbers
