"""What an action vector means: which joints and base velocities, in which order, and how they are scaled to [-1, 1].

Layout of an action (last axis), worked for the G1 in mode `upper_body`, N = 20:

    [ left_arm 0..6 | right_arm 7..13 | torso 14..16 | vx vy yaw_rate 17..19 ]
      [rad]                                            [m/s, m/s, rad/s]

The order is always arms, hands, torso, legs, base; a narrower mode leaves parts out, it never moves what stays within a part. Hands are a
part of their own only where the robot file has one: a gripper may as well be a group of `arms`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import BASE_AXES, PARTS, Robot
from neon_control.core.robot.turns import within

BASE_NAMES = tuple(f"base/{axis}" for axis in BASE_AXES)  # in an action vector

MODES: dict[str, tuple[str, ...]] = {
    "arms_only": ("arms",),
    "arms_hands": ("arms", "hands"),
    "upper_body": ("arms", "hands", "torso"),
    "whole_body": PARTS,
}


@dataclass(frozen=True)
class ActionSpace:
    """Names, groups and scaling of the action vector of one robot in one mode.

    Attributes:
        mode: one of `MODES`.
        joint_names: the J commanded joints, in action order.
        groups: part name (`arms`, `hands`, `torso`, `legs`, `base`) -> slice of the action's last axis; empty parts are left out.
        lower, upper: (N,) physical values that map to -1 and +1: joint ranges [rad], then minus and plus base speed limits.
        turning: columns of joints that turn without end; whatever turn they are in, they are seen within [lower, lower + one turn).
        absolute: places of the joints of grippers, which a policy predicts as they are, also where others are changes from the state.
    """

    mode: str
    joint_names: tuple[str, ...]
    groups: dict[str, slice]
    lower: np.ndarray
    upper: np.ndarray
    turning: tuple[int, ...] = ()
    absolute: tuple[int, ...] = ()

    @classmethod
    def from_robot(cls, robot: Robot, mode: str) -> ActionSpace:
        """The action space of `robot` in `mode`; ConfigError where there is no such mode."""
        if mode not in MODES:
            raise ConfigError(f"unknown mode '{mode}'; the modes are {list(MODES)}")
        names: list[str] = []
        groups: dict[str, slice] = {}
        for part in MODES[mode]:
            joints = robot.parts[part]
            if joints:
                groups[part] = slice(len(names), len(names) + len(joints))
                names.extend(joints)
        joint_names = tuple(names)
        lower, upper = robot.spans(joint_names)
        if robot.base is not None:
            groups["base"] = slice(len(names), len(names) + len(BASE_AXES))
            lower = np.concatenate([lower, -robot.base.span])
            upper = np.concatenate([upper, robot.base.span])
        absolute = tuple(i for i, name in enumerate(joint_names) if name in robot.gripping)
        return cls(mode, joint_names, groups, lower, upper, absolute=absolute).turning_as(robot)

    def turning_as(self, robot: Robot) -> ActionSpace:
        """The same for the joints of `robot`; a policy's file does not say which of its joints turn without end."""
        return replace(self, turning=tuple(i for i, name in enumerate(self.joint_names) if name in robot.wire.turning))

    @property
    def dim(self) -> int:
        """N: commanded joints plus base axes."""
        return len(self.lower)

    @property
    def num_joints(self) -> int:
        """J: commanded joints."""
        return len(self.joint_names)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each of the N dimensions, for plots and metadata."""
        return self.joint_names + BASE_NAMES[: self.dim - self.num_joints]

    def normalise(self, actions: np.ndarray) -> np.ndarray:
        """Physical actions (..., N) to [-1, 1]; values outside the limits come out outside [-1, 1]."""
        return _normalised(self._within(actions), self.lower, self.upper)

    def denormalise(self, actions: np.ndarray) -> np.ndarray:
        """The inverse of `normalise`: (..., N) in [-1, 1] to [rad] and [m/s, rad/s]."""
        return np.asarray(0.5 * (actions * (self.upper - self.lower) + (self.upper + self.lower)))

    def normalise_joints(self, positions: np.ndarray) -> np.ndarray:
        """Joint positions (..., J) [rad] to [-1, 1]: the policy's proprioception."""
        return _normalised(self._within(positions), self.lower[: self.num_joints], self.upper[: self.num_joints])

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Values (..., J or N) with joints that turn without end in the turn that a policy knows."""
        if not self.turning:
            return values
        columns, values = list(self.turning), np.array(values, dtype=np.float64)
        values[..., columns] = within(values[..., columns], self.lower[columns])
        return values


def _normalised(values: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    return np.asarray((2.0 * values - (upper + lower)) / (upper - lower))
