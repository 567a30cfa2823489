"""The robot's own computer: what it makes of commands and requests. Neither DDS nor threads; times are integer nanoseconds of one clock.

A message of `arm_sdk` is ignored if its CRC is wrong, if its `mode_machine` is not the robot's (a guess), or while the robot neither
stands nor walks (a guess too). A target that is too fast trips the safe mode: the robot damps all joints, and takes nothing until it
is told to stand up. While it stands up its own controller brings the arms back from where they were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from neon_control.robots.unitree.motors import ARMS, JOINTS, MODELS, WAIST
from neon_control.sim.unitree.arm_sdk import MAX_SPEED, ArmSdk
from neon_control.sim.unitree.own_motion import OwnMotion, damped
from neon_control.sim.unitree.set_points import set_points
from neon_control.sim.unitree.sport import DAMP, STANDING, WALK, ZERO_TORQUE, Sport


class Taken(IntEnum):
    """What became of a message of `arm_sdk`."""

    APPLIED = 0
    WRONG_CRC = 1
    WRONG_MODE_MACHINE = 2
    NOT_STANDING = 3


@dataclass(frozen=True)
class ArmCommand:
    """A message of `arm_sdk`, unpacked."""

    weight: float
    points: np.ndarray  # (5, 29)
    mode_machine: int
    crc_right: bool


class Robot:
    """Args:
    home: (29,) [rad] around which the robot's own controller swings the arms.
    model: a key of `MODELS`.
    state: of its state machine at the begin.

    Attributes:
        mode_machine: as it tells, and wants to be told; may be changed, as a fault.
        missing: (29,) motors that it does not have.
        sport: its base.
        arm_sdk: what moves its arms from outside.
        trips: what tripped its safe mode, in words.
    """

    def __init__(self, home: np.ndarray, model: str = "29", state: int = WALK) -> None:
        absent = MODELS[model].absent
        self.mode_machine = MODELS[model].mode_machine
        self.missing = np.isin(range(len(JOINTS)), absent)
        driven = np.isin(range(len(JOINTS)), [*WAIST, *ARMS]) & ~self.missing
        self.sport, self.arm_sdk = Sport(state), ArmSdk(driven)
        self.trips: list[str] = []
        self._own = OwnMotion(home)
        self._state = state  # in the cycle before

    def begin(self, now: int, measured: np.ndarray) -> None:
        """Its own controller takes the arms over from where the joints (29,) [rad] are; what `arm_sdk` was told stays in force."""
        self._own.begin(now, measured)
        self.arm_sdk.forget_way()

    def command(self, command: ArmCommand) -> Taken:
        """A message of `arm_sdk` arrives."""
        if not command.crc_right:
            return Taken.WRONG_CRC
        if command.mode_machine != self.mode_machine:
            return Taken.WRONG_MODE_MACHINE
        if self.sport.state not in STANDING:
            return Taken.NOT_STANDING
        self.arm_sdk.accept(command.weight, command.points)
        return Taken.APPLIED

    def act(self, now: int, measured: np.ndarray) -> np.ndarray:
        """(5, 29) Set points of the motors at `now` [ns]; joints (29,) [rad] as measured."""
        if self.sport.state in STANDING and self._state not in STANDING:
            self.begin(now, measured)
        self._state = self.sport.state
        if self.sport.state in STANDING:
            points, speed = self.arm_sdk.blend(now, self._own.at(now))
            if speed <= MAX_SPEED:
                return points
            self.trips.append(f"a target of the arms moved at {speed:.1f} rad/s, the robot follows up to {MAX_SPEED:.0f} rad/s")
            self.sport.enter(DAMP)
            self._state = DAMP
        self.arm_sdk.let_go()
        return set_points() if self.sport.state == ZERO_TORQUE else damped()
