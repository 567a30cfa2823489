"""The motors of arms and waist in MuJoCo: the torque tau + kp (q - measured) + kd (dq - measured), with the gains that were sent.

The world's servos are turned into such motors in the model of one world, when it runs: worlds that were built for tasks and
policies keep theirs. What the URDF allows as effort still limits the torque. Nothing carries the arms' weight any more, as on the robot.
"""

from __future__ import annotations

import numpy as np

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
        self._moving = np.array([i for i, name in enumerate(JOINTS) if name in moved])  # of the 29
        joints = [self._model.joint(JOINTS[i]) for i in self._moving]
        self._actuator = np.array([self._model.actuator(JOINTS[i]).id for i in self._moving])
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dof = np.array([joint.dofadr[0] for joint in joints])
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
            self._model.dof_damping[self._dof] = np.where(self._moving == motor, STUCK, DAMPING)

    def apply(self, points: np.ndarray) -> None:
        """Set points (5, 29), in force until the next ones."""
        q, dq, tau, kp, kd = points[:, self._moving][[Q, DQ, TAU, KP, KD]]
        self._model.actuator_biasprm[self._actuator, 1] = -kp
        self._model.actuator_biasprm[self._actuator, 2] = -kd
        self._data.ctrl[self._actuator] = tau + kp * q + kd * dq

    def measure(self) -> np.ndarray:
        """(4, 29) Position [rad], velocity [rad/s], acceleration [rad/s^2] and torque [N m] of each joint."""
        measured = np.zeros((4, MOTORS))
        data = self._data
        measured[:, self._moving] = data.qpos[self._qpos], data.qvel[self._dof], data.qacc[self._dof], data.qfrc_actuator[self._dof]
        return measured
