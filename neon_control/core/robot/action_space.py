"""What an action vector means: which joints and base velocities, in which order, and how they are scaled to [-1, 1].

Layout of an action (last axis), worked for the G1 in mode `upper_body`, N = 20:

    [ left_arm 0..6 | right_arm 7..13 | torso 14..16 | vx vy yaw_rate 17..19 ]
      [rad]                                            [m/s, m/s, rad/s]

The order is always arms, torso, legs, base; a narrower mode leaves parts out, it never moves what stays within a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import BASE_AXES, PARTS, Robot

BASE_NAMES = tuple(f"base/{axis}" for axis in BASE_AXES)  # in an action vector

MODES: dict[str, tuple[str, ...]] = {"arms_only": ("arms",), "upper_body": ("arms", "torso"), "whole_body": PARTS}


@dataclass(frozen=True)
class ActionSpace:
    """Names, groups and scaling of the action vector of one robot in one mode.

    Attributes:
        mode: one of `MODES`.
        joint_names: the J commanded joints, in action order.
        groups: part name (`arms`, `torso`, `legs`, `base`) -> slice of the action's last axis; empty parts are left out.
        lower, upper: (N,) physical values that map to -1 and +1: joint ranges [rad], then minus and plus base speed limits.
    """

    mode: str
    joint_names: tuple[str, ...]
    groups: dict[str, slice]
    lower: np.ndarray
    upper: np.ndarray

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
        lower, upper = robot.limits(joint_names, "lower"), robot.limits(joint_names, "upper")
        if robot.base is not None:
            groups["base"] = slice(len(names), len(names) + len(BASE_AXES))
            lower = np.concatenate([lower, -robot.base.max_velocity])
            upper = np.concatenate([upper, robot.base.max_velocity])
        return cls(mode, joint_names, groups, lower, upper)

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
        return _normalised(actions, self.lower, self.upper)

    def denormalise(self, actions: np.ndarray) -> np.ndarray:
        """The inverse of `normalise`: (..., N) in [-1, 1] to [rad] and [m/s, rad/s]."""
        return np.asarray(0.5 * (actions * (self.upper - self.lower) + (self.upper + self.lower)))

    def normalise_joints(self, positions: np.ndarray) -> np.ndarray:
        """Joint positions (..., J) [rad] to [-1, 1]: the policy's proprioception."""
        return _normalised(positions, self.lower[: self.num_joints], self.upper[: self.num_joints])


def _normalised(values: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    return np.asarray((2.0 * values - (upper + lower)) / (upper - lower))
