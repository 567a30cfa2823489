"""The robot of `robot.py` in the simulated world."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from neon_control.core.robot.robot import Robot as Description
from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.stage import Stage
from neon_control.sim.unitree.motors import Motors
from neon_control.sim.unitree.robot import ArmCommand, Robot, Taken

PERIOD = 0.002  # [s] of the physics and of the robot's computer


class UnitreeState(NamedTuple):
    """What the robot's sensors measure at one instant."""

    stamp: int  # [ns]
    base_pose: np.ndarray  # (3,) x, y, yaw in the world [m, m, rad]
    base_velocity: np.ndarray  # (3,) in the base frame [m/s, m/s, rad/s]
    motors: np.ndarray  # (4, 29) position, velocity, acceleration, torque
    weight: float  # of arm_sdk, in force
    state_machine: int


class UnitreeStage(Stage):
    """Every method may be called from any thread; `look` and `draw` from one.

    Attributes:
        stuck: a motor that hardly moves; may be set at any time.

    Args:
        description: of the robot, whose file has a section `simulation`.
        model, state_machine: see `Robot`.
        image_size, speech_delay: see `Stage`.
    """

    def __init__(
        self,
        description: Description,
        model: str,
        state_machine: int,
        image_size: tuple[int, int] = (320, 240),
        speech_delay: float = 0.0,
    ) -> None:
        super().__init__(description, image_size, speech_delay, PERIOD)
        self._motors = Motors(self._world)
        self.robot = Robot(self._world.description.home_positions(JOINTS), model, state_machine)
        self._missing = np.flatnonzero(self.robot.missing)
        self._received = self._ignored = 0
        self.stuck: int | None = None
        self.reset(0, 0)

    def _begin(self) -> None:
        measured = self._motors.positions()
        self.robot.sport.stand()
        self.robot.begin(time.time_ns(), measured)
        self._motors.apply(self.robot.act(time.time_ns(), measured))

    def _drive(self, now: int, seconds: float) -> None:
        self._motors.stick(self.stuck)
        self._motors.apply(self.robot.act(now, self._motors.positions()))
        self._world.command_base(self.robot.sport.walk(now, seconds))

    def _measure(self, now: int) -> UnitreeState:
        motors, robot, world = self._motors.measure(), self.robot, self._world
        motors[:, self._missing] = 0.0
        return UnitreeState(now, world.base_pose, world.base_velocity, motors, robot.arm_sdk.weight, robot.sport.state)

    def command(self, command: ArmCommand) -> Taken:
        """A message of `arm_sdk` arrives."""
        with self._lock:
            outcome = self.robot.command(command)
            self._received += 1
            self._ignored += outcome is not Taken.APPLIED
            return outcome

    def request(self, now: int, interface: int, parameter: str) -> tuple[int, str]:
        """A request to the sport service arrives at `now` [ns]; code and data of the answer."""
        with self._lock:
            return self.robot.sport.request(now, interface, parameter)

    def truth(self) -> dict[str, Any]:
        """See `Stage.truth`; with what the robot is up to."""
        with self._lock:
            own = {
                "weight": round(self.robot.arm_sdk.weight, 4),
                "state_machine": self.robot.sport.state,
                "trips": len(self.robot.trips),
                "received": self._received,
                "ignored": self._ignored,
            }
        return super().truth() | {"unitree": own}
