"""A robot whose bodies are measured by MuJoCo on its own URDF, moved by `MotionExecutor`: independent of the guard's bars and boxes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mujoco
import numpy as np
import yaml

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.clearance import Gap
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.supervisor import FOLLOWING
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.clearance_settings import ClearanceSettings, KeepOut
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot

MS = 1_000_000
H, DT = 16, 0.02
FAR = 0.5  # [m] beyond which MuJoCo need not measure
G1 = load_robot("g1.yaml")
NAMES = G1.parts["arms"]
TABLE = {"table": (np.array([0.15, -0.6, -0.2]), np.array([0.7, 0.6, -0.05]))}  # [m] in the pelvis: its top 5 cm below
SETTINGS = ClearanceSettings(keep_out={name: KeepOut(*corners) for name, corners in TABLE.items()})
MIX = 0.0005  # [m] nearer may come who dies amid a stop: the rest is then a mix of the two ways that were looked at
SLOW, STOP = SETTINGS.slow_distance, SETTINGS.stop_distance


def pose(**joints: float) -> np.ndarray:
    """(J,) [rad]; names without `_joint`, others as at home."""
    values = {"left_shoulder_roll": 0.3, "right_shoulder_roll": -0.3} | joints
    return np.array([values.get(name.removesuffix("_joint"), 0.0) for name in NAMES])


PAIRS_TORSO = ("torso_link", "left_rubber_hand")
ACROSS = {  # poses on the straight way to which these two meet before any others
    ("left_rubber_hand", "right_elbow_link"): pose(
        left_shoulder_pitch=-1.01, left_shoulder_roll=0.2, left_shoulder_yaw=-1.13, left_elbow=-0.06,
        right_shoulder_pitch=-1.09, right_shoulder_yaw=0.48, right_elbow=1.17,
    ),
    PAIRS_TORSO: pose(left_shoulder_pitch=0.1, left_shoulder_roll=0.51, left_shoulder_yaw=-1.18, left_elbow=-0.3),
    ("left_rubber_hand", "table"): pose(left_shoulder_pitch=0.2, left_shoulder_roll=0.19, left_elbow=0.3),
}  # fmt: skip


def write_robot_file(folder: Path) -> Path:
    """The G1's file with `SETTINGS`."""
    data = yaml.safe_load(G1.file.read_text()) | {"urdf": str(G1.urdf_path)}
    lower, upper = (dict(zip("xyz", corner.tolist(), strict=True)) for corner in TABLE["table"])
    data["clearance"] = {"slow_distance": SLOW, "stop_distance": STOP, "keep_out": {"table": {"lower": lower, "upper": upper}}}
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


class Measure:
    """Distances between links' shapes, by MuJoCo.

    Args:
        boxes: name -> lower and upper corner (3,) [m] in the root link.
        visual: measure a link without <collision> by what is drawn.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], boxes: dict[str, tuple[np.ndarray, np.ndarray]], visual: bool) -> None:
        spec = mujoco.MjSpec.from_file(str(robot.urdf_path))
        spec.compiler.fusestatic = False
        for name, (lower, upper) in boxes.items():
            body = spec.worldbody.add_body(name=name)
            body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=0.5 * (np.array(upper) - lower), pos=0.5 * (np.array(upper) + lower))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._qpos = np.array([self.model.joint(n).qposadr[0] for n in joint_names])
        self._geoms: dict[str, list[int]] = {}
        for geom in range(self.model.ngeom):
            self._geoms.setdefault(self.model.body(self.model.geom_bodyid[geom]).name, []).append(geom)
        for link, geoms in self._geoms.items():
            solid = [g for g in geoms if self.model.geom_contype[g]]
            self._geoms[link] = solid or (geoms if visual else [])

    def distances(self, positions: np.ndarray, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], float]:
        """[m] of pairs of links or boxes in one pose (J,), at the most `FAR`."""
        self.data.qpos[:] = 0.0
        self.data.qpos[self._qpos] = positions
        mujoco.mj_kinematics(self.model, self.data)
        return {pair: min(self._distance(a, b) for a in self._geoms[pair[0]] for b in self._geoms[pair[1]]) for pair in pairs}

    def _distance(self, a: int, b: int) -> float:
        return float(mujoco.mj_geomDistance(self.model, self.data, a, b, FAR, None))


class Moving:
    """The executor with an arm that follows it exactly, and a policy that asks for one pose for ever."""

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], start: np.ndarray, rate_hz: float = 100.0) -> None:
        settings = ExecutorSettings(rate_hz=rate_hz, start_ramp=0.0, resume_ramp=0.0)
        self.executor = MotionExecutor(robot, joint_names, settings)
        self.names, self.position, self.now = joint_names, np.array(start), 1_000_000 * MS
        self.base = robot.base is not None
        self.rest = self.position  # (J,) where the controllers would stop, were this command the last one
        self.step_ns = round(1e9 / rate_hz)
        self.refused: list[Gap] = []  # while the policy was followed
        self._ticks = 0

    def step(self, target: np.ndarray, skipped: int = 0) -> np.ndarray:
        """One period towards a pose (J,), late by some periods; the pose (J,) that is commanded."""
        self.now += (1 + skipped) * self.step_ns
        self.executor.add_joint_states(self.now - MS, self.names, self.position.tolist())
        if self._ticks % 5 == 0:
            stamp = self.now - 20 * MS
            self.executor.add_chunk(JOINTS, ActionChunk(stamp, DT, self.names, np.tile(target, (H, 1))))
            if self.base:
                self.executor.add_chunk(BASE, ActionChunk(stamp, DT, BASE_NAMES, np.zeros((H, 3))))
        self._ticks += 1
        followed = self.executor.supervisor.state in FOLLOWING
        command = self.executor.tick(self.now)
        if followed and self.executor.guard is not None and self.executor.guard.cause is not None:
            self.refused.append(self.executor.guard.cause)
        if command is not None:
            self.position, self.rest = command.positions.copy(), command.motion.positions[-1]
        return self.position
