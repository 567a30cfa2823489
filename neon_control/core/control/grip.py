"""What the executor does otherwise with the joints of grippers and hands (`core/robot/gripper.py`): they may meet things, and hold them.

That such a joint is not where it was sent says nothing about its controller, nor about the arm. So the pose that a controller is
*known* to be at is, of these joints, the commanded one: they ask for no step, and stand for none. What they are to hold after a stop is
said by each group's `on_stop`.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from neon_control.core.robot.gripper import DRIVERS_RANGE
from neon_control.core.robot.robot import Robot

UNMOVED = 0.02  # of a joint's range: who is measured nearer to where he was has not been moved


class Grip:
    """Of those among the J joints that belong to a gripper or a hand; without any, everything is returned as it is.

    Attributes:
        joints: (J,) whether a joint does.
        newest: places (A,) of those that are to follow the newest chunk alone.
        tracking_limits: (J,) how far measured and commanded position may lie apart, in each joint's unit: what the robot file states, else
            `limit`, and of these joints any.
        tolerances: (J,) how far outside its range a joint may be measured.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], limit: float) -> None:
        of = {joint: gripper for gripper in robot.grippers.values() for joint in gripper.joints}
        mine = {i: of[name] for i, name in enumerate(joint_names) if name in of}
        self.joints = np.array([i in mine for i in range(len(joint_names))], dtype=bool)
        self.newest = np.array([i for i, gripper in mine.items() if gripper.ensemble == "latest"], dtype=np.intp)
        self._any = bool(mine)
        self._keeps = np.array([i in mine and mine[i].on_stop != "measured" for i in range(len(joint_names))], dtype=bool)
        self._opens = {i: g.open for i, g in mine.items() if g.on_stop == "open"}
        self._states = {
            i: (g.threshold, g.hysteresis, *sorted((g.open, g.closed)))
            for i, g in mine.items()
            if g.threshold is not None and g.open is not None and g.closed is not None
        }
        stated = robot.limits(joint_names, "tracking_error_limit")  # NaN: none
        self._limited = np.flatnonzero(self.joints & ~np.isnan(stated)).tolist()
        self._range = robot.limits(joint_names, "upper") - robot.limits(joint_names, "lower")
        self.tracking_limits = np.where(np.isnan(stated), np.where(self.joints, math.inf, limit), stated)
        self.tolerances = np.where(np.isinf(self.tracking_limits), np.minimum(limit, DRIVERS_RANGE * self._range), self.tracking_limits)
        self._chosen: dict[int, float] = {}  # joint -> which of its two states it is in
        self._left: tuple[np.ndarray, np.ndarray] | None = None  # (J,), (J,) commanded and measured at the end of the last activation

    def beyond(self, gaps: np.ndarray) -> tuple[int, float] | None:
        """Which joint is further from where it was commanded than its group allows, and by how much, `gaps` (J,) being all."""
        for i in self._limited:
            if abs(gaps[i]) > self.tracking_limits[i]:
                return i, float(gaps[i])
        return None

    def held(self, pose: np.ndarray, commanded: np.ndarray) -> np.ndarray:
        """`pose` (J,), with these joints where they are commanded (J,)."""
        return np.asarray(np.where(self.joints, commanded, pose)) if self._any else pose

    def rest(self, pose: np.ndarray, commanded: np.ndarray) -> np.ndarray:
        """What is to be held (J,) by a robot that stands at `pose` (J,) after a stop, and what he may be moved to by force."""
        if not self._any:
            return pose
        keeps = self._keeps & (np.abs(pose - commanded) <= self.tracking_limits)  # beyond a limit of its own it gives way, as an arm does
        rest = np.asarray(np.where(keeps, commanded, pose))
        for i, opened in self._opens.items():
            rest[i] = opened
        return rest

    def target(self, wanted: np.ndarray) -> np.ndarray:
        """What the policy wants (D,), the first J of it joints; of a gripper with two states the one that it means."""
        if not self._states:
            return wanted
        target: np.ndarray = wanted.copy()
        for i, (threshold, hysteresis, low, high) in self._states.items():
            if not math.isfinite(target[i]):
                continue  # the limiter deals with it
            if i not in self._chosen or abs(target[i] - threshold) > hysteresis:
                self._chosen[i] = high if target[i] > threshold else low
            target[i] = self._chosen[i]
        return target

    def copied(self) -> Grip:
        """One that chooses states by itself from now on, also in another thread."""
        same = copy.copy(self)
        same._chosen = dict(self._chosen)
        return same

    def begin(self, measured: np.ndarray) -> np.ndarray:
        """The pose (J,) to begin with; of joints that nobody has moved since the last activation what was commanded then."""
        self._chosen.clear()
        if self._left is None or not self._any:
            return measured
        commanded, before = self._left
        unmoved = self._keeps & (np.abs(measured - before) <= UNMOVED * self._range)
        return np.asarray(np.where(unmoved, commanded, measured))

    def leave(self, commanded: np.ndarray, measured: np.ndarray) -> None:
        """The executor is about to begin anew, and stood like this (J,), (J,)."""
        self._left = commanded.copy(), measured.copy()
