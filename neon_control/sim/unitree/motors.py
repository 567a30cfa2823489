"""The motors of arms and waist in MuJoCo: the torque tau + kp (q - measured) + kd (dq - measured), with the gains that were sent.

The world's servos are turned into such motors in the model of one world, when it runs: worlds that were built for tasks and
policies keep theirs. What the URDF allows as effort still limits the torque. Nothing carries the arms' weight any more, as on the robot.
"""

from __future__ import annotations

import numpy as np

from neon_control.core.common.columns import side_by_side
from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.unitree.set_points import DQ, KD, KP, MOTORS, TAU, Q
from neon_control.sim.world import World

STUCK = 1000.0  # [N m s/rad] of a motor that hardly moves
FRICTION, DAMPING = 0.2, 0.05  # [N m], [N m s/rad] of a joint's gears; Unitree's own models for MuJoCo have about as much


class Motors:
    """Args:
    world: whose joints are driven; those that it does not move (legs) stand still at 0.
    """

    def __init__(self, world: World) -> None:
        self._model, self._data = world.model, world.data
        moved = {self._model.actuator(i).name for i in range(self._model.nu)}
        places = [i for i, name in enumerate(JOINTS) if name in moved]
        joints = [self._model.joint(JOINTS[i]) for i in places]
        self._moving = side_by_side(np.array(places))  # of the 29
        self._actuator = side_by_side(np.array([self._model.actuator(JOINTS[i]).id for i in places]))
        self._qpos = side_by_side(np.array([joint.qposadr[0] for joint in joints]))
        self._dof = side_by_side(np.array([joint.dofadr[0] for joint in joints]))
        self._gains = np.zeros((2, len(places)))  # in force
        self._model.actuator_gainprm[self._actuator, 0] = 1.0
        self._model.actuator_biasprm[self._actuator] = 0.0
        self._model.dof_frictionloss[self._dof] = FRICTION
        self._model.dof_damping[self._dof] = DAMPING
        self._model.body_gravcomp[:] = 0.0
        self._stuck: int | None = None

    def stick(self, motor: int | None) -> None:
        """Let a motor hardly move any more; None: none of them."""
        if motor != self._stuck:
            self._stuck = motor
            self._model.dof_damping[self._dof] = np.where(np.arange(MOTORS)[self._moving] == motor, STUCK, DAMPING)

    def apply(self, points: np.ndarray) -> None:
        """Set points (5, 29), in force until the next ones."""
        points = points[:, self._moving]
        gains = points[KP : KD + 1]
        if not np.array_equal(gains, self._gains):
            self._gains = gains.copy()
            self._model.actuator_biasprm[self._actuator, 1:3] = -gains.T
        self._data.ctrl[self._actuator] = points[TAU] + points[KP] * points[Q] + points[KD] * points[DQ]

    def positions(self) -> np.ndarray:
        """(29,) [rad] of each joint."""
        measured = np.zeros(MOTORS)
        measured[self._moving] = self._data.qpos[self._qpos]
        return measured

    def measure(self) -> np.ndarray:
        """(4, 29) Position [rad], velocity [rad/s], acceleration [rad/s^2] and torque [N m] of each joint."""
        measured = np.zeros((4, MOTORS))
        data, dof = self._data, self._dof
        for row, values in zip(measured, (data.qpos[self._qpos], data.qvel[dof], data.qacc[dof], data.qfrc_actuator[dof]), strict=True):
            row[self._moving] = values
        return measured
