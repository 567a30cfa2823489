"""The simulated robot as its drivers see it: controllers between topics and motors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.control.controllers import CONTROLLER_PERIOD, JointTrajectoryController, VelocityBase
from neon_control.core.robot.robot import Robot
from neon_control.sim.stage import Stage


@dataclass(frozen=True)
class State:
    """What the sensors of the body measure at one instant."""

    stamp: int  # [ns]
    positions: np.ndarray  # (J,) [rad]
    velocities: np.ndarray  # (J,) [rad/s]
    base_pose: np.ndarray  # (3,) x, y, yaw in the world [m, m, rad]
    base_velocity: np.ndarray  # (3,) in the base frame [m/s, m/s, rad/s]


class Simulation(Stage):
    """One robot in its world, with controllers.

    Args:
        image_size, speech_delay: see `Stage`.
        cmd_timeout, cmd_vel_timeout, from_desired_state: see `controllers.py`.
    """

    def __init__(
        self,
        robot: Robot,
        image_size: tuple[int, int] = (320, 240),
        speech_delay: float = 0.0,
        cmd_timeout: float = 0.0,
        cmd_vel_timeout: float = 0.5,
        from_desired_state: bool = False,
    ) -> None:
        super().__init__(robot, image_size, speech_delay)
        self._controllers = {c.name: JointTrajectoryController(c.joints, cmd_timeout, from_desired_state) for c in robot.controllers}
        self._columns = {c.name: np.array([self.joint_names.index(j) for j in c.joints]) for c in robot.controllers}
        self._base = VelocityBase(cmd_vel_timeout)
        self.reset(0, 0)

    def _begin(self) -> None:
        for name, controller in self._controllers.items():
            controller.activate(self._world.joint_positions[self._columns[name]])
        self._base.stop()

    def _drive(self, now: int, seconds: float) -> None:
        world = self._world
        positions, velocities = world.joint_positions, world.joint_velocities
        for name, controller in self._controllers.items():
            columns = self._columns[name]
            set_point = controller.update(now, positions[columns], velocities[columns])
            if set_point is not None:
                world.command_joints(controller.joint_names, set_point)
        world.command_base(self._base.update(now))

    def _measure(self, now: int) -> State:
        world = self._world
        return State(now, world.joint_positions, world.joint_velocities, world.base_pose, world.base_velocity)

    def command_joints(
        self,
        controller: str,
        now: int,
        stamp: int,
        names: Sequence[str],
        offsets: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None = None,
        accelerations: np.ndarray | None = None,
    ) -> None:
        """Hand a trajectory to a controller; arguments and CommandError as of `JointTrajectoryController.accept`."""
        with self._lock:
            self._controllers[controller].accept(now, stamp, names, offsets, positions, velocities, accelerations)

    def grip(self, controller: str, now: int, goal: np.ndarray, velocities: np.ndarray, effort: float | None) -> None:
        """Move a gripper's joints (A,) evenly to `goal` from where they are commanded; `effort` [N or N m] at most, None: the URDF's."""
        with self._lock:
            driven = self._controllers[controller]
            begin = driven.set_point
            if begin is None:
                begin = self._world.joint_positions[self._columns[controller]]
            seconds = max(float(np.max(np.abs(goal - begin) / velocities)), CONTROLLER_PERIOD)
            driven.accept(now, 0, driven.joint_names, np.array([0.0, seconds]), np.stack([begin, goal]))
            self._world.limit_effort(driven.joint_names, effort)

    def measured(self, controller: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (A,) of a controller's joints."""
        columns = self._columns[controller]
        with self._lock:
            return self._world.joint_positions[columns], self._world.joint_velocities[columns]

    def command_base(self, now: int, stamp: int, velocity: np.ndarray) -> None:
        """Hand a velocity (3,) to the base; arguments and CommandError as of `VelocityBase.command`."""
        with self._lock:
            self._base.command(now, stamp, velocity)
