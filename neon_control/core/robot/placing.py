"""Where links are, quickly: poses (4, 4) for positions of a fixed list of joints, all joints of one depth in one product.

`Kinematics` asks per link and joint by name, which costs more than a control period has; here everything that does not change with the
joints is multiplied out beforehand. With K the cross product matrix of the axis, F what lies fixed before the joint:

    pose(child) = pose(joint above) (F + s F K + c F K K),   s = sin q, c = 1 - cos q for a rotation
    pose(child) = pose(joint above) (F + s F D),             s = q for a shift, D the axis in the last column
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neon_control.core.robot.kinematics import cross_matrix, rotation_of
from neon_control.core.robot.urdf import Urdf, UrdfJoint


class Placing:
    """Poses of a URDF's links for J joints; all other joints stand at zero, and those that mimic one of the J follow it.

    Args:
        farthest: (J,) [m] from zero, of joints that slide; None: as the URDF's limits say.

    Attributes:
        anchors: link -> number of the frame that carries it: 0 is the root link's, which stands, the other N - 1 move.
        offsets: link -> its pose (4, 4) in that frame.
        above: (N,) of each frame the one that carries it; of 0 itself.
        columns: (N,) of each frame the joint that moves it; of 0 nothing.
    """

    def __init__(self, urdf: Urdf, joint_names: Sequence[str], farthest: Sequence[float] | np.ndarray | None = None) -> None:
        if farthest is None:
            farthest = [max(map(abs, (urdf.joints[name].limit or (0.0, 0.0, 0.0))[:2])) for name in joint_names]
        column_of = {name: column for column, name in enumerate(joint_names)}
        children: dict[str, list[UrdfJoint]] = {}
        for joint in urdf.joints.values():
            children.setdefault(joint.parent, []).append(joint)
        self.anchors, self.offsets = {urdf.root: 0}, {urdf.root: np.eye(4)}
        frames = [_Frame(0, 0, np.zeros((3, 16)), -1, 0.0, 0.0, False, 0.0)]
        todo = [urdf.root]
        for link in todo:  # grows while it is read, so that parents come before their children
            for joint in children.get(link, ()):
                frame, origin = self.anchors[link], np.eye(4)
                origin[:3, :3], origin[:3, 3] = rotation_of(joint.roll_pitch_yaw), joint.translation
                origin = self.offsets[link] @ origin
                shifts, once, twice = joint.kind == "prismatic", np.zeros((4, 4)), np.zeros((4, 4))
                if shifts:
                    once[:3, 3] = joint.axis
                elif joint.kind in ("revolute", "continuous"):
                    once[:3, :3] = cross_matrix(joint.axis)
                    twice = once @ once
                basis = np.stack([origin, origin @ once, origin @ twice]).reshape(3, 16)
                if joint.source in column_of and once.any():
                    self.anchors[joint.child], self.offsets[joint.child] = len(frames), np.eye(4)
                    column = column_of[joint.source]
                    travel = farthest[column] * abs(joint.multiplier) + abs(joint.offset) if shifts else 0.0
                    frames.append(_Frame(frame, frames[frame].depth + 1, basis, column, joint.multiplier, joint.offset, shifts, travel))
                else:
                    s, c = _factors(np.array(joint.offset), np.array(shifts))
                    self.anchors[joint.child], self.offsets[joint.child] = frame, (np.array([1.0, s, c]) @ basis).reshape(4, 4)
                todo.append(joint.child)
        self.above = np.array([f.above for f in frames])
        self.columns = np.array([f.column for f in frames])
        self._basis = np.stack([f.basis for f in frames])  # (N, 3, 16)
        self._scale = np.array([[f.multiplier] for f in frames])  # (N, 1)
        self._shift = np.array([[f.offset] for f in frames])  # (N, 1)
        self.shifts = np.array([[f.shifts] for f in frames])  # (N, 1)
        self._travel = [f.travel for f in frames]
        depth = np.array([f.depth for f in frames])
        levels = [np.flatnonzero(depth == level) for level in range(1, depth.max() + 1)]
        self._levels = [(level, self.above[level]) for level in levels]
        self._any_shift = bool(self.shifts.any())

    def poses(self, positions: np.ndarray) -> np.ndarray:
        """Poses (N, H, 4, 4) of the frames in the root link, for positions (H, J) [rad] or [m]."""
        count = len(positions)
        q = self._scale * positions.T[self.columns] + self._shift  # (N, H)
        factors = np.ones((*q.shape, 3))
        factors[..., 1], factors[..., 2] = _factors(q, self.shifts) if self._any_shift else (np.sin(q), 1.0 - np.cos(q))
        moved = (factors @ self._basis).reshape(-1, count, 4, 4)
        moved[0] = np.eye(4)
        for level, above in self._levels:
            moved[level] = moved[above] @ moved[level]
        return np.asarray(moved)

    @property
    def digest(self) -> str:
        """Of all numbers that decide the poses."""
        numbers = [self._basis, self._scale, self._shift, self.shifts, np.stack(list(self.offsets.values()))]
        return hashlib.sha256(b"".join(n.tobytes() for n in numbers)).hexdigest()

    def carriers(self, frame: int) -> set[int]:
        """The moving frames between the root and a frame, this one included."""
        found = set()
        while frame:
            found.add(frame)
            frame = int(self.above[frame])
        return found

    def levers(self, frame: int, reach: float, joints: int) -> np.ndarray:
        """(N, J): how far a point within `reach` [m] of a frame's origin can move, at the most, for each frame's joint moved by one."""
        found = np.zeros((len(self.above), joints))
        while frame:
            arm = 1.0 if self.shifts[frame] else reach
            found[frame, self.columns[frame]] = abs(self._scale[frame, 0]) * arm
            reach += float(np.linalg.norm(self._basis[frame, 0].reshape(4, 4)[:3, 3])) + self._travel[frame]
            frame = int(self.above[frame])
        return found


class _Frame(NamedTuple):
    above: int
    depth: int
    basis: np.ndarray  # (3, 16)
    column: int
    multiplier: float
    offset: float
    shifts: bool
    travel: float  # [m] of a joint that shifts, the farthest from its origin


def _factors(q: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """s and c of the module's text."""
    return np.where(shifts, q, np.sin(q)), np.where(shifts, 0.0, 1.0 - np.cos(q))
