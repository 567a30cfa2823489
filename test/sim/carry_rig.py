"""The simulated robot, its controllers and the executor in one process and in lock step; the expert's chunks take the policy's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from neon_control.core.common.paths import find_file
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.robot.action_space import BASE_NAMES, ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.description import simulated_mode
from neon_control.sim.episode import FINISHED, Outcome
from neon_control.sim.picking import PickExpert
from neon_control.sim.simulation import Simulation
from neon_control.sim.world import TABLE_TOP, World

TICK = 5_000_000  # [ns] of the controllers; the executor's is twice as long
DT, STEPS = 0.02, 16  # [s] of a chunk
CHUNK_EVERY, LATENCY = 16, 12  # [ticks] a chunk each 80 ms, which arrives 60 ms after what it saw
LIFTED = 0.03  # [m] a cube whose centre is so far above its place on the table is carried


def with_on_stop(robot_file: str, on_stop: str, folder: Path, action: str = "") -> Path:
    """A copy of a robot file whose grippers do something else after a stop, and may be driven by an action."""
    source = find_file(robot_file, "config")
    data = yaml.safe_load(source.read_text())
    data["urdf"] = str((source.parent / data["urdf"]).resolve())
    for gripper in data["grippers"].values():
        gripper["on_stop"] = on_stop
    for controller in data["controllers"].values():
        if action and set(controller["joints"]) <= set(data["grippers"]):
            controller |= {"topic": "gripper_controller/gripper_cmd", "type": action}
    file = folder / source.name
    file.write_text(yaml.safe_dump(data))
    return file


class Carrier:
    """A robot that picks and places as the expert says.

    Attributes:
        chunks: whether chunks arrive.
    """

    def __init__(self, robot_file: str | Path) -> None:
        robot = load_robot(robot_file)
        names = ActionSpace.from_robot(robot, simulated_mode(robot)).joint_names
        self.simulation = Simulation(robot, (16, 12))
        self.world: World = self.simulation._world  # the expert knows where everything is
        self.expert = PickExpert(robot, names, DT)
        self.robot, self.names = robot, names
        self.now = 1_000_000_000_000
        self.chunks = True

    def begin(self, seed: int, index: int) -> None:
        """Another scene, and an executor that has just been started."""
        self.colour = self.simulation.reset(seed, index)
        self.executor = MotionExecutor(self.robot, self.names, ExecutorSettings(start_ramp=0.5))
        self._columns = np.array([self.simulation.joint_names.index(n) for n in self.names])
        self._on_the_way: list[tuple[int, list[tuple[str, ActionChunk]]]] = []
        self._ticks, self.chunks = 0, True

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.simulation.truth()["outcome"])

    @property
    def carries(self) -> bool:
        """Whether the cube is held above the table and not yet over the tray's floor."""
        height = self.world.cube_positions[self.colour][2] - TABLE_TOP - self.world.half_edge
        return bool(height > LIFTED and self.world.is_held(self.colour))

    def step(self, seconds: float = TICK * 1e-9) -> None:
        """Go on for some time."""
        for _ in range(round(seconds / (TICK * 1e-9))):
            self.now += TICK
            self._ticks += 1
            state = self.simulation.tick(self.now, TICK * 1e-9)
            if self._ticks % CHUNK_EVERY == 0:
                self._on_the_way.append((self._ticks + LATENCY, self._see()))
            if self._ticks % 2 == 0:
                self._control(state.positions)

    def run_until(self, done: object, limit: float) -> bool:
        """Go on until `done()`, or for `limit` [s] at most; whether it came true."""
        for _ in range(round(limit / (TICK * 1e-9))):
            if done():  # type: ignore[operator]
                return True
            self.step()
        return False

    def finish(self) -> Outcome:
        """Go on to the trial's end."""
        self.run_until(lambda: self.outcome in FINISHED, 30.0)
        return self.outcome

    def _see(self) -> list[tuple[str, ActionChunk]]:
        """What the expert would do, beginning with what is measured: as a policy that knows no more of its joints."""
        command, rows, base = self.world.joint_positions[self._columns], [], []
        for _ in range(STEPS):
            action = self.expert.act(self.world, command, self.colour)
            command = action.joints
            rows.append(command)
            base.append(action.base)
        chunks = [(JOINTS, ActionChunk(self.now, DT, self.names, np.array(rows)))]
        return chunks + ([(BASE, ActionChunk(self.now, DT, BASE_NAMES, np.array(base)))] if self.world.has_base else [])

    def _control(self, positions: np.ndarray) -> None:
        self.executor.add_joint_states(self.now, self.names, positions[self._columns])
        while self._on_the_way and self._on_the_way[0][0] <= self._ticks:
            for stream, chunk in self._on_the_way.pop(0)[1]:
                if self.chunks:
                    self.executor.add_chunk(stream, chunk, "expert")
        command = self.executor.tick(self.now)
        if command is None:
            return
        for name, motion in command.trajectories.items():
            columns = self.executor.joining.columns[name]
            offsets = (motion.times - motion.times[0]) * 1e-9
            names = [self.names[c] for c in columns]
            ways = (motion.positions[:, columns], motion.velocities[:, columns])
            self.simulation.command_joints(name, self.now, int(motion.times[0]), names, offsets, *ways)
        if len(command.base):
            self.simulation.command_base(self.now, self.now, command.base)
