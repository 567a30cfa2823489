"""Where links are for given joint positions: forward kinematics of a URDF's tree, for many poses at once.

The pose of a link in the root is the product of the joints on the way to it, T = prod_j O_j M_j(q_j): the joint's origin, then the
rotation about its axis or the shift along it. A rotation is linear in three fixed matrices (Rodrigues' formula with the cross product
matrix K of the axis, M = 1 + sin q K + (1 - cos q) K K), so one product with O, O K and O K K side by side serves all poses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.turns import near
from neon_control.core.robot.urdf import UrdfJoint, read_urdf

Positions = Mapping[str, np.ndarray | float]  # joint -> (H,) or one number [rad] or [m]
Poses = tuple[np.ndarray, np.ndarray]  # places (..., H, 3) [m], rotations (..., H, 3, 3)


@dataclass(frozen=True)
class _Joint(UrdfJoint):
    rotation: np.ndarray  # (3, 3) O
    factors: np.ndarray  # (3, 9) O, O K, O K K
    turn: tuple[float, float, float, float]  # `rotation` as a unit quaternion x, y, z, w


class Kinematics:
    """The tree of links in a URDF; ConfigError where the file is missing, malformed, or no tree.

    Attributes:
        root: the link that has no parent.
        parents: each other link's parent; parents come before their children.
    """

    def __init__(self, urdf_path: Path) -> None:
        urdf = read_urdf(urdf_path)
        self._path = urdf_path
        self.root = urdf.root
        self._joints = {joint.child: _with_matrices(joint) for joint in urdf.joints.values()}  # child link -> joint
        self.parents: dict[str, str] = {}
        above = {self.root}
        while above:
            below = {child: joint.parent for child, joint in self._joints.items() if joint.parent in above}
            self.parents |= below
            above = set(below)
        if circle := sorted(set(self._joints) - set(self.parents)):
            raise ConfigError(f"{urdf_path}: the links {circle} hang on each other, and not on {self.root}")
        self._children = [self._joints[child] for child in self.parents]

    def hands(self, robot: Robot) -> tuple[str, ...]:
        """The outermost link that the last joint of each arm group carries rigidly."""
        last = [names[-1] for names in robot.groups.values() if set(names) <= set(robot.parts["arms"])]
        return tuple(self._outermost(child) for child, joint in self._joints.items() if joint.name in last)

    def _outermost(self, link: str) -> str:
        while carried := [child for child, joint in self._joints.items() if joint.parent == link and joint.kind == "fixed"]:
            link = carried[-1]
        return link

    def poses(self, links: Sequence[str], positions: Positions) -> Poses:
        """Poses of L links in the root link: places (L, H, 3) [m], rotations (L, H, 3, 3); H is 1 where all positions are single numbers.

        Joints that are not named are at zero. ConfigError for no such link, or a joint of more than one degree of freedom on the way to it.
        """
        count = max((len(q) for q in positions.values() if isinstance(q, np.ndarray)), default=1)
        known: dict[str, Poses] = {self.root: (np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1)))}
        found = [self._pose(link, positions, known) for link in links]
        return np.stack([place for place, _ in found]), np.stack([rotation for _, rotation in found])

    def jacobian(self, link: str, names: Sequence[str], positions: Mapping[str, float]) -> np.ndarray:
        """(6, J) how a link moves in the root link for each of `names`: rows of its place [m], then of its turning [rad], a unit.

        A joint turns what it carries about its axis a by a x (p - o), and shifts it along a; who mimics another is counted with it.
        """
        way = []
        above = link
        while above != self.root:
            way.append(self._joints[above])
            above = way[-1].parent
        places, rotations = self.poses([*(joint.child for joint in way), link], positions)
        found = np.zeros((6, len(names)))
        for joint, place, rotation in zip(way, places[:-1, 0], rotations[:-1, 0], strict=True):
            if joint.kind == "fixed" or joint.source not in names:
                continue
            axis = rotation @ joint.axis  # a turn about the axis leaves it where it is
            shift = joint.kind == "prismatic"
            column = np.concatenate([axis, np.zeros(3)] if shift else [np.cross(axis, places[-1, 0] - place), axis])
            found[:, names.index(joint.source)] += joint.multiplier * column
        return found

    def joint_positions(self, positions: Mapping[str, float]) -> np.ndarray:
        """(L,) [rad] or [m] of the joint above each link in `parents`, in their order; at zero where not named, and where it is fixed."""
        return np.array([0.0 if j.kind == "fixed" else j.multiplier * positions.get(j.source, 0.0) + j.offset for j in self._children])

    def apart(self, positions: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(L,) [rad] or [m] how far two poses as of `joint_positions` lie apart; a joint that turns without end, within half a turn."""
        turning = np.array([joint.kind == "continuous" for joint in self._children], dtype=bool)
        return np.asarray(np.abs(np.where(turning, near(positions, others), positions) - others))

    def in_parent(self, number: int, position: float) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """Place (3,) and unit quaternion x, y, z, w of the link `number` in `parents`, in its parent, the joint at `position` [rad] or [m].

        One link at a time and in plain numbers: whoever moves frames one by one needs it for those that moved.
        """
        joint = self._children[number]
        if joint.kind == "prismatic":
            return joint.translation + joint.rotation @ joint.axis * position, joint.turn
        x, y, z, w = joint.turn
        s, c = math.sin(0.5 * position), math.cos(0.5 * position)
        a, b, d = (s * v for v in joint.axis.tolist())
        turned = (w * a + c * x + y * d - z * b, w * b + c * y + z * a - x * d, w * d + c * z + x * b - y * a)
        return joint.translation, (*turned, w * c - x * a - y * b - z * d)

    def _pose(self, link: str, positions: Positions, known: dict[str, Poses]) -> Poses:
        """(H, 3) and (H, 3, 3) of one link; what lies on the way is kept in `known`."""
        way = []
        while link not in known:  # not by recursion: a chain may be longer than Python's stack
            if link not in self._joints:
                raise ConfigError(f"{self._path}: no link named {link}; it has {[self.root, *self._joints]}")
            way.append(self._joints[link])
            link = way[-1].parent
        for joint in reversed(way):
            known[joint.child] = self._moved(joint, *known[joint.parent], positions)
            link = joint.child
        return known[link]

    def _moved(self, joint: _Joint, place: np.ndarray, rotation: np.ndarray, positions: Positions) -> Poses:
        """(H, 3) and (H, 3, 3) of the link below a joint, from those of the link above it."""
        rows = rotation.reshape(-1, 3)  # (3 H, 3): one large product is quicker than H small ones
        place = place + (rows @ joint.translation).reshape(-1, 3)
        if joint.kind == "fixed":
            return place, (rows @ joint.rotation).reshape(-1, 3, 3)
        q = joint.multiplier * np.reshape(positions.get(joint.source, 0.0), (-1, 1)) + joint.offset  # (H, 1) or (1, 1)
        if joint.kind in ("revolute", "continuous"):
            parts = (rows @ joint.factors).reshape(-1, 3, 9)
            rotation = parts[..., :3] + np.sin(q)[..., None] * parts[..., 3:6] + (1.0 - np.cos(q))[..., None] * parts[..., 6:]
        elif joint.kind == "prismatic":
            rotation = (rows @ joint.rotation).reshape(-1, 3, 3)
            place = place + (rotation @ joint.axis) * q
        else:
            raise ConfigError(f"{self._path}: joint {joint.name} is {joint.kind}, so {joint.child} has no place that joint positions tell")
        return place, rotation


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """Rotation matrices (H, 3, 3) as unit quaternions x, y, z, w (H, 4)."""
    m = np.moveaxis(rotations, 0, -1)  # (3, 3, H)
    x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    xy, xz, yz = m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1]
    xx, yy, zz = m[0, 0], m[1, 1], m[2, 2]
    outer = np.array(  # (4, 4, H) 4 q q^T: each row is a multiple of q, and the one with the largest diagonal the most precise
        [[1 + xx - yy - zz, xy, xz, x], [xy, 1 - xx + yy - zz, yz, y], [xz, yz, 1 - xx - yy + zz, z], [x, y, z, 1 + xx + yy + zz]]
    )
    best = np.argmax(np.einsum("iih->ih", outer), axis=0)
    q = outer[best, :, np.arange(len(best))]  # (H, 4)
    return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True))


def cross_matrix(axis: np.ndarray) -> np.ndarray:
    """The matrix (3, 3) whose product with a vector is the cross product of `axis` with it."""
    x, y, z = axis
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation (3, 3) about a unit axis by an angle [rad]."""
    k = cross_matrix(axis)
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1.0 - np.cos(angle)) * (k @ k))


def rotation_of(roll_pitch_yaw: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) by roll, pitch and yaw [rad] about the fixed axes x, y, z, as a URDF writes it."""
    roll, pitch, yaw = roll_pitch_yaw
    return np.asarray(_about(np.eye(3)[2], yaw) @ _about(np.eye(3)[1], pitch) @ _about(np.eye(3)[0], roll))


def _with_matrices(joint: UrdfJoint) -> _Joint:
    origin, k = rotation_of(joint.roll_pitch_yaw), cross_matrix(joint.axis)
    x, y, z, w = quaternions(origin[None])[0].tolist()
    return _Joint(**vars(joint), rotation=origin, factors=np.hstack([origin, origin @ k, origin @ k @ k]), turn=(x, y, z, w))
