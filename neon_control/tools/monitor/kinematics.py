"""Where the robot's links are, for drawing: forward kinematics of any URDF, for one pose or for a whole predicted path.

A joint's child stands in its parent's frame at  T = T_origin M(q),  where M turns about the axis (revolute) or moves along it
(prismatic). Chains of these are multiplied from the root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from viser.transforms import SO3

TIP_NAMES = ("tcp", "tip", "tool")  # a leaf of this name is preferred as the end of an arm


@dataclass(frozen=True)
class Joint:
    """One joint of the URDF; a mimic joint takes  factor * q[source] + offset."""

    name: str
    parent: str
    child: str
    kind: str  # revolute, prismatic or fixed
    rotation: np.ndarray  # (3, 3) of the origin
    position: np.ndarray  # (3,) [m] of the origin
    axis: np.ndarray  # (3,) unit vector
    source: str
    factor: float = 1.0
    offset: float = 0.0


class Kinematics:
    """The tree of joints.

    Attributes:
        joints: parents before children.
        root: name of the root link.

    Args:
        urdf: a loaded `yourdfpy.URDF`.
    """

    def __init__(self, urdf: Any) -> None:
        self.root: str = urdf.base_link
        below: dict[str, list[Joint]] = {}
        for joint in urdf.joint_map.values():
            below.setdefault(joint.parent, []).append(_read(joint))
        self.joints: list[Joint] = []
        pending = [self.root]
        while pending:
            children = below.get(pending.pop(0), [])
            self.joints += children
            pending += [joint.child for joint in children]
        self._above = {joint.child: joint for joint in self.joints}
        self._quaternions = np.array([SO3.from_matrix(j.rotation).wxyz for j in self.joints]).reshape(-1, 4)
        self._axes = np.array([j.axis for j in self.joints]).reshape(-1, 3)
        self._turns = np.array([j.kind == "revolute" for j in self.joints], dtype=bool)

    def quaternions(self, positions: Mapping[str, float]) -> np.ndarray:
        """(J, 4) w, x, y, z of each child in its parent's frame; joints without a position stand at zero."""
        half = 0.5 * np.array([_value(j, positions) for j in self.joints]) * self._turns
        w, v = self._quaternions[:, :1], self._quaternions[:, 1:]
        c, s = np.cos(half)[:, None], np.sin(half)[:, None] * self._axes
        return np.hstack([w * c - (v * s).sum(1, keepdims=True), w * s + c * v + np.cross(v, s)])

    def place(self, joint: Joint, positions: Mapping[str, float]) -> np.ndarray:
        """(3,) [m] of the child in its parent's frame."""
        return joint.position + joint.rotation @ joint.axis * _value(joint, positions) if joint.kind == "prismatic" else joint.position

    def path(self, link: str, positions: Mapping[str, Any]) -> np.ndarray:
        """Where a link goes.

        Args:
            positions: joint name -> (H,) or one value that stays; [rad] or [m].

        Returns:
            (H, 3) of the link's origin in the root link's frame [m]; H = 1 if nothing on the way moves.
        """
        rotation, position = np.eye(3)[None], np.zeros((1, 3))  # (H, 3, 3), (H, 3)
        for joint in self.chain(link):
            position = position + rotation @ joint.position
            rotation = rotation @ joint.rotation
            q = np.atleast_1d(np.asarray(_value(joint, positions), dtype=np.float64))
            if joint.kind == "prismatic":
                position = position + (rotation @ joint.axis) * q[:, None]
            elif joint.kind == "revolute":
                rotation = rotation @ _turn(joint.axis, q)
        return position

    def chain(self, link: str) -> list[Joint]:
        """The joints from the root to a link."""
        joints: list[Joint] = []
        while link in self._above:
            joints.insert(0, self._above[link])
            link = joints[0].parent
        return joints

    def tip(self, names: Sequence[str]) -> str:
        """The link at the end of an arm whose joints these are: below its last joint, by name if a leaf has one of `TIP_NAMES`."""
        last = max((j for j in self.joints if j.name in names), key=lambda j: len(self.chain(j.child)))
        parents = {j.parent for j in self.joints}
        leaves = [link for link in (last.child, *self._above) if link not in parents and last in self.chain(link)]
        named = [link for link in leaves if any(part in link.lower() for part in TIP_NAMES)]
        return max(named or leaves, key=lambda link: len(self.chain(link)))


def integrate_base(start: np.ndarray, velocities: np.ndarray, dt: float) -> np.ndarray:
    """Base poses (H, 3) that begin at `start` and follow velocities (H, 3) in the base frame for `dt` [s] each."""
    poses = np.zeros((len(velocities), 3))
    pose = np.array(start, dtype=np.float64)
    for row, (vx, vy, rate) in enumerate(velocities):
        poses[row] = pose
        c, s = np.cos(pose[2]), np.sin(pose[2])
        pose += dt * np.array([c * vx - s * vy, s * vx + c * vy, rate])
    return poses


def _value(joint: Joint, positions: Mapping[str, Any]) -> Any:
    return 0.0 if joint.kind == "fixed" else joint.factor * positions.get(joint.source, 0.0) + joint.offset


def _read(joint: Any) -> Joint:
    origin = np.eye(4) if joint.origin is None else np.asarray(joint.origin, dtype=np.float64)
    kind = {"continuous": "revolute", "revolute": "revolute", "prismatic": "prismatic"}.get(joint.type, "fixed")
    axis = np.array([1.0, 0.0, 0.0]) if joint.axis is None else np.asarray(joint.axis, dtype=np.float64)
    mimic = joint.mimic
    follows = (joint.name, 1.0, 0.0) if mimic is None else (mimic.joint, mimic.multiplier or 1.0, mimic.offset or 0.0)
    return Joint(joint.name, joint.parent, joint.child, kind, origin[:3, :3], origin[:3, 3], axis / (np.linalg.norm(axis) or 1.0), *follows)


def _turn(axis: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(H, 3, 3) rotations about one axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angles)[:, None, None] * cross + (1.0 - np.cos(angles))[:, None, None] * (cross @ cross)
