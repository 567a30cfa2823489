"""The torques that hold arms and waist against gravity, as feed-forward: without them an arm sags by its torque over its stiffness.

They follow from masses and centres of mass of the URDF, the measured pose and the pelvis' attitude, by MuJoCo's recursive Newton-Euler
method at rest. What the hands carry is not in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import Robot
from neon_control.robots.unitree.motors import JOINTS

GRAVITY = 9.81  # [m/s^2]
MOST_TORQUE = 15.0  # [N m] more than the arms weigh, and less than their motors can


class Gravity:
    """Of one robot; ConfigError without MuJoCo, or for a URDF that it does not read.

    Args:
        joints: of JOINTS, in whose order the torques are.
    """

    def __init__(self, robot: Robot, joints: Sequence[str]) -> None:
        try:
            import mujoco
        except ImportError as error:
            raise ConfigError("gravity_feedforward needs MuJoCo: pip install 'neon_control[sim]'") from error
        self._mujoco = mujoco
        try:
            spec = mujoco.MjSpec.from_file(str(robot.urdf_path))
            for shape in [*spec.geoms, *spec.meshes]:  # masses count; meshes may not even be there
                spec.delete(shape)
            self._model: Any = spec.compile()
        except ValueError as error:
            raise ConfigError(f"{robot.urdf_path}: gravity_feedforward: {error}") from error
        self._data: Any = mujoco.MjData(self._model)
        known = [(place, self._model.joint(name)) for place, name in enumerate(JOINTS) if name in robot.joints]
        self._places = np.array([place for place, _ in known])
        self._addresses = np.array([joint.qposadr[0] for _, joint in known])
        self._out = np.array([self._model.joint(name).dofadr[0] if name in robot.joints else -1 for name in joints])
        self._forces = np.zeros(self._model.nv + 1)  # the last one is of joints that the robot file does not name: none

    def torques(self, positions: np.ndarray, attitude: np.ndarray) -> np.ndarray:
        """(J,) [N m] at positions (29,) [rad]; `attitude` (4,) w x y z of the pelvis, upright where it is none."""
        mujoco, model, data = self._mujoco, self._model, self._data
        length = float(np.linalg.norm(attitude))
        w, x, y, z = (attitude / length).tolist() if abs(length - 1.0) < 0.1 else (1.0, 0.0, 0.0, 0.0)
        up = (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y))  # seen from the pelvis
        model.opt.gravity[:] = -GRAVITY * np.array(up)
        data.qpos[self._addresses] = positions[self._places]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_rne(model, data, 0, self._forces[:-1])
        return np.asarray(np.clip(self._forces[self._out], -MOST_TORQUE, MOST_TORQUE))
