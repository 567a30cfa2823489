"""The expert that picks and places, on the wire in the inference node's place: it sees what the simulation tells judges, and sends chunks.

Simulated robot, executor and expert are three parties that talk over DDS, as they do with a policy.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from executor_rig import PATIENT
from sensor_msgs.msg import JointState
from sim_process import Listener, NodeProcess, simulated_robot
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from waiting import wait_until

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import BASE_NAMES, ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.nodes.chunk_messages import chunk_qos, chunk_to_messages
from neon_control.sim.description import simulated_mode
from neon_control.sim.picking import PickExpert
from neon_control.sim.world import TABLE_TOP, World

DT, STEPS, EVERY = 0.1, 16, 0.05  # [s], steps, [s]: as patient with a busy computer as `PATIENT`
SPEED = 0.5  # of the expert's: what is seen late is not far behind
LIFTED = 0.03  # [m] a cube whose centre is so far above its place on the table is carried


class ToldWorld(World):
    """A scene that is put up as it is told; what is held is told, too, since places that were rounded need not touch.

    Attributes:
        held: colours.
    """

    held: tuple[str, ...] = ()

    def is_held(self, colour: str) -> bool:
        """See `World`."""
        return colour in self.held


class WireExpert:
    """Sends chunks from a thread until it is closed.

    Attributes:
        silent: it sends none.
        placed: whether the named cube lies in the tray, and nothing holds it.
        lowest: [m] how far above its place on the table the named cube has been since `watch`.
        status, message: newest diagnostics of the executor's control.
        node: ours, which is spun.
    """

    def __init__(self, listener: Listener, robot_file: str | Path) -> None:
        robot = load_robot(robot_file)
        self._listener, self._names = listener, ActionSpace.from_robot(robot, simulated_mode(robot)).joint_names
        self._world = ToldWorld(robot, (16, 16))
        self._expert = PickExpert(robot, self._names, SPEED * DT)
        self.silent, self.placed, self.lowest = False, False, np.inf
        self.status: dict[str, str] = {}
        self.message, self.node = "", listener.node
        self._seen: tuple[dict[str, Any], JointState] | None = None
        node = self.node
        self._joints = node.create_publisher(JointTrajectory, CHUNK_JOINTS, chunk_qos())
        self._base = node.create_publisher(MultiDOFJointTrajectory, CHUNK_BASE, chunk_qos()) if self._world.has_base else None
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        node.create_subscription(String, "sim_node/episode", self._on_truth, 10)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="expert")
        self._thread.start()

    @property
    def carries(self) -> bool:
        """Whether the named cube is held above the table."""
        truth = self._listener.truth
        return truth["target"] in truth["held"] and self._height(truth) > LIFTED

    @property
    def hand(self) -> np.ndarray:
        """(3,) [m] of the fingers in the world."""
        return np.array(next(iter(self._listener.truth["hands"].values())))

    def _height(self, truth: dict[str, Any]) -> float:
        return float(truth["cubes"][truth["target"]][2]) - TABLE_TOP - self._world.half_edge

    def watch(self) -> None:
        """Look from now on how low the cube comes."""
        self.lowest = np.inf

    def wait_state(self, state: str, limit: float) -> None:
        """Until the executor tells it."""
        wait_until(lambda: self.status.get("state") == state, limit, f"the state {state}")

    def call(self, service: str, kind: type, request: Any) -> None:
        """Call a service of the executor."""
        client = self._listener.node.create_client(kind, f"executor_node/{service}")
        self._listener.call(client, request)
        self._listener.node.destroy_client(client)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "executor_node: control":
                self.status, self.message = {v.key: v.value for v in status.values}, status.message

    def _on_truth(self, message: String) -> None:
        truth = json.loads(message.data)
        self.lowest = min(self.lowest, self._height(truth))
        self._seen = truth, self._listener.newest["joint_states"]  # of one instant: the scene of one and the hand of another hold nothing

    def _work(self) -> None:
        while not self._stop.wait(EVERY):
            if not self.silent and self._seen is not None:
                self._send(*self._seen)

    def _send(self, truth: dict[str, Any], states: JointState) -> None:
        world, self._world.held = self._world, tuple(truth["held"])
        for colour, place in truth["cubes"].items():
            address = world.model.joint(f"{colour}_cube").qposadr[0]
            world.data.qpos[address : address + 7] = (*place, *truth["cube_rotations"][colour])
        world.place_base(np.array(truth["base"]))
        world.place_joints(tuple(states.name), np.array(states.position))
        command = np.array([dict(zip(states.name, states.position, strict=True))[n] for n in self._names])
        self.placed = world.in_tray(truth["target"]) and not truth["held"]
        rows = []
        for _ in range(STEPS):
            action = self._expert.act(world, command, truth["target"])
            command = action.joints
            rows.append(np.concatenate([command, action.base]))
        names = (*self._names, *(BASE_NAMES if world.has_base else ()))
        chunk = ActionChunk(to_nanoseconds(states.header.stamp), DT, names, np.array(rows))
        for publisher, message in zip((self._joints, self._base), chunk_to_messages(chunk), strict=True):
            if publisher is not None:
                publisher.publish(message)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@contextlib.contextmanager
def picking_robot(folder: Path, robot_file: str | Path, executor_file: str | Path | None = None) -> Iterator[WireExpert]:
    """Simulation, executor and expert, up and running; the executor may read another robot file."""
    robot = load_robot(robot_file)
    parameters = {"robot_config": executor_file or robot_file, "mode": simulated_mode(robot), **PATIENT, "command_lead": 0.1}
    sim = {"robot_config": robot_file, "width": 16, "height": 16, "camera_rate_hz": 1.0, "speech_delay": 0.0, "seed": 11}
    executor = NodeProcess(folder / "executor_node.log", "neon_control.nodes.executor_node", **parameters)
    try:  # the listener leaves before any process is killed
        with simulated_robot(folder, **sim) as (_, listener):
            expert = WireExpert(listener, robot_file)
            try:
                yield expert
            finally:
                expert.close()
    finally:
        executor.kill()
        print(executor.log.read_text())
