"""The one reader of URDF files: links, joints, and what a joint may do. Meshes are left to what draws (yourdfpy) or simulates (MuJoCo)."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError

KINDS = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
WITHOUT_AXIS = ("fixed", "floating")  # some exporters write an axis of zeros there


@dataclass(frozen=True)
class UrdfJoint:
    """A joint as its element says, with the defaults of the format."""

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


@dataclass(frozen=True)
class Urdf:
    """A file's links, and its joints by name, in the file's order."""

    source: str  # the file, for errors
    links: tuple[str, ...]
    joints: dict[str, UrdfJoint]

    @property
    def root(self) -> str:
        """The link that has no parent; ConfigError where there is not exactly one."""
        children = {joint.child for joint in self.joints.values()}
        roots = [link for link in self.links if link not in children]
        if len(roots) != 1:
            raise ConfigError(f"{self.source}: needs exactly one link without a parent, has {roots}")
        return roots[0]

    def limits(self, name: str) -> tuple[float, float, float]:
        """Lower and upper position and velocity of a joint that is commanded, [rad], [rad/s] or [m], [m/s].

        Raises:
            ConfigError: there is no such joint, it mimics another one, or a limit is missing or makes no sense.
        """
        joint = self.joints.get(name)
        if joint is None:
            raise ConfigError(f"{self.source}: no joint named {name}; it has {sorted(self.joints)}")
        where = f"{self.source}: joint {name}"
        if joint.source != name:
            raise ConfigError(f"{where} mimics another one, which moves it; it cannot be commanded and belongs to no group")
        if joint.kind not in ("revolute", "prismatic") or joint.limit is None:
            raise ConfigError(f"{where} must be revolute or prismatic and have a <limit> element")
        lower, upper, velocity = joint.limit
        if not (all(map(math.isfinite, joint.limit)) and lower < upper and velocity > 0.0):
            raise ConfigError(f"{where} needs finite lower < upper and velocity > 0, got lower={lower} upper={upper} velocity={velocity}")
        return joint.limit


def read_urdf(file: Path) -> Urdf:
    """The content of a URDF file; raises ConfigError as `parse_urdf`, and where it cannot be read."""
    try:
        return parse_urdf(file.read_bytes(), str(file))
    except OSError as error:
        raise ConfigError(f"{file}: {error}") from error


def parse_urdf(text: str | bytes, source: str) -> Urdf:
    """The content of a URDF.

    Args:
        source: where it came from, for errors.

    Raises:
        ConfigError: malformed; the message names `source` and the element.
    """
    try:
        robot = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the latter two: of an encoding that Python does not know
        raise ConfigError(f"{source}: not valid XML: {error}") from error
    if robot.tag != "robot":
        raise ConfigError(f"{source}: needs the element <robot> at the top level, got <{robot.tag}>")
    try:
        links = [_text(element, "link", "name") for element in robot.findall("link")]
        joints = [_read_joint(element) for element in robot.findall("joint")]
        names = [joint.name for joint in joints]
        for what, entries in (("link", links), ("joint", names), ("child link", [joint.child for joint in joints])):
            _refuse_repeated(what, entries)
        for joint in joints:
            missing = [f"link {link}" for link in (joint.parent, joint.child) if link not in links]
            missing += [f"joint {joint.source}"] if joint.source not in names else []
            if missing:
                raise ValueError(f"joint {joint.name} names {missing[0]}, which is not in the file")
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from error
    return Urdf(source, tuple(links), dict(zip(names, joints, strict=True)))


def _refuse_repeated(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{what} {repeated[0]} is there more than once")


def _read_joint(element: ElementTree.Element) -> UrdfJoint:
    """A joint; ValueError where something is missing or no number."""
    name = _text(element, "joint", "name")
    where, kind = f"joint {name}", element.get("type", "")
    if kind not in KINDS:
        raise ValueError(f"{where}: type is '{kind}', but must be one of {list(KINDS)}")
    parent, child, limit, mimic = (element.find(tag) for tag in ("parent", "child", "limit", "mimic"))
    if parent is None or child is None:
        raise ValueError(f"{where} needs a parent and a child")
    axis = np.array([1.0, 0.0, 0.0])
    if kind not in WITHOUT_AXIS:
        axis = _vector(element, where, "axis", "xyz", "1 0 0")
        if not axis.any():
            raise ValueError(f"{where}: its axis has no direction")
    lower, upper, velocity = (
        0.0 if limit is None else _number(limit, f"{where}: limit", key, "nan") for key in ("lower", "upper", "velocity")
    )
    return UrdfJoint(
        name,
        kind,
        _text(parent, f"{where}: parent", "link"),
        _text(child, f"{where}: child", "link"),
        _vector(element, where, "origin", "xyz", "0 0 0"),
        _vector(element, where, "origin", "rpy", "0 0 0"),
        axis / np.linalg.norm(axis),
        None if limit is None else (lower, upper, velocity),
        name if mimic is None else _text(mimic, f"{where}: mimic", "joint"),
        1.0 if mimic is None else _number(mimic, f"{where}: mimic", "multiplier", "1"),
        0.0 if mimic is None else _number(mimic, f"{where}: mimic", "offset", "0"),
    )


def _text(element: ElementTree.Element, where: str, attribute: str) -> str:
    text = element.get(attribute, "")
    if not text:
        raise ValueError(f"{where} needs the attribute '{attribute}'")
    return text


def _number(element: ElementTree.Element, where: str, attribute: str, default: str) -> float:
    text = element.get(attribute, default)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where} {attribute} needs a number, got '{text}'") from None


def _vector(joint: ElementTree.Element, where: str, tag: str, attribute: str, default: str) -> np.ndarray:
    """(3,) of `<tag attribute="x y z"/>` inside a joint."""
    element = joint.find(tag)
    text = default if element is None else element.get(attribute, default)
    try:
        vector = np.array([float(number) for number in text.split()])
    except ValueError:
        vector = np.zeros(0)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"{where}: {tag} {attribute} needs three numbers, got '{text}'")
    return vector
