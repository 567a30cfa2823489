"""Where the hands would go if a chunk were followed: forward kinematics of its 16 poses, on the moving base if there is one."""

from __future__ import annotations

import mujoco
import numpy as np

from neon_control.core.plan import integrate_base
from neon_control.core.robot import Robot
from neon_control.sim.description import load_description
from neon_control.sim.world import BASE_JOINTS, build_model, root_body

__all__ = ["HandPath", "integrate_base"]


class HandPath:
    """Kinematics of a robot; nothing is simulated.

    Attributes:
        model: the compiled scene, from which a viewer can also take the shapes of furniture.
        root_position: (3,) [m] of the robot's root link while its base is at the origin.
        hand_names: the robot's hands.
    """

    def __init__(self, robot: Robot) -> None:
        description = load_description(robot)
        self.model = build_model(robot, description)
        self.root_position: np.ndarray = self.model.body_pos[root_body(self.model, description)].copy()
        self.hand_names = tuple(description.hands)
        self._data = mujoco.MjData(self.model)
        self._sites = {side: self.model.site(f"{side}_tcp").id for side in self.hand_names}
        self._base = [int(self.model.joint(name).qposadr[0]) for name in BASE_JOINTS] if robot.base is not None else []
        self._addresses: dict[str, int] = {
            name: int(self.model.joint(name).qposadr[0])
            for name in robot.joints
            if mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, name) >= 0
        }

    def hands(self, joint_names: tuple[str, ...], positions: np.ndarray, base_poses: np.ndarray) -> dict[str, np.ndarray]:
        """Fingertips for a sequence of poses.

        Args:
            joint_names: the J joints; all others are at zero.
            positions: (H, J) [rad].
            base_poses: (H, 3) x, y, yaw in the world [m, m, rad]; not looked at without a base.

        Returns:
            Hand -> (H, 3) in the world [m].
        """
        paths = {side: np.zeros((len(positions), 3)) for side in self.hand_names}
        columns = [(i, self._addresses[name]) for i, name in enumerate(joint_names) if name in self._addresses]
        for row, (pose, base) in enumerate(zip(positions, base_poses, strict=True)):
            for i, address in columns:
                self._data.qpos[address] = pose[i]
            self._data.qpos[self._base] = base[: len(self._base)]
            mujoco.mj_kinematics(self.model, self._data)
            for side, site in self._sites.items():
                paths[side][row] = self._data.site_xpos[site]
        return paths
