"""An arm on a table, from its robot file alone: camera to chunk to command to motion, and no topic of a base anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from inference_harness import make_policy
from rclpy.node import Node
from std_msgs.msg import String
from waiting import wait_until

from neon_control.nodes.processes import ProcessGroup, node_command
from neon_control.nodes.transport import PROFILES

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

NODES = {
    "sim_node": ("neon_control.sim.sim_node", {"width": 64, "height": 48}),
    "executor_node": ("neon_control.nodes.executor_node", {"start_ramp": 0.5}),
    "inference_node": ("neon_control.nodes.inference_node", {}),
}
PUBLISHED = {
    "sim_node": {"camera/image_raw", "joint_states"},
    "executor_node": {"action_plan/joints", "arm_controller/joint_trajectory"},
    "inference_node": {"action_chunk/joints"},
}


class Watcher(Node):
    """Follows the hand by what the simulation says of it."""

    def __init__(self) -> None:
        super().__init__("watcher")
        self.hands: list[np.ndarray] = []  # [m]
        self.create_subscription(String, "sim_node/episode", self._on_episode, 10)

    def _on_episode(self, message: String) -> None:
        self.hands.append(np.array(json.loads(message.data)["hands"]["hand"]))

    def publishers(self) -> dict[str, set[str]]:
        """Node -> the topics that it publishes, as far as discovery has come."""
        return {name: {topic.lstrip("/") for topic, _ in self.get_publisher_names_and_types_by_node(name, "/")} for name in NODES}

    def subscriptions_of(self, name: str) -> set[str]:
        return {topic.lstrip("/") for topic, _ in self.get_subscriber_names_and_types_by_node(name, "/")}


@pytest.fixture
def group(ros_domain_id: int, tmp_path: Path) -> Iterator[ProcessGroup]:
    """Simulation, executor and inference node of the arm, each in its process, with an untrained policy."""
    make_policy(tmp_path / "policy", use_audio=False, robot_file="arm6.yaml")
    environment = {k: v for k, v in os.environ.items() if k not in (PROFILES, "MUJOCO_GL")}  # the nodes have to choose them by themselves
    with ProcessGroup(tmp_path / "log", environment) as processes:
        for name, (module, parameters) in NODES.items():
            own = {"policy": tmp_path / "policy"} if name == "inference_node" else {}
            processes.start(name, node_command(module, parameters={"robot_config": "arm6.yaml", **parameters, **own}))
        yield processes
    for name in NODES:  # shown when a test fails
        print(processes.log_file(name).read_text())


@pytest.fixture
def watcher(group: ProcessGroup) -> Iterator[Watcher]:
    rclpy.init()
    node = Watcher()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_an_arm_without_a_base_runs_from_its_robot_file_alone(group: ProcessGroup, watcher: Watcher) -> None:
    def tick() -> None:
        group.check()
        rclpy.spin_once(watcher, timeout_sec=0.05)

    wait_until(lambda: watcher.hands, 60.0, "the simulated arm", tick=tick)
    home = watcher.hands[0]
    wait_until(lambda: np.linalg.norm(watcher.hands[-1] - home) > 0.05, 60.0, "a hand that moves", tick=tick)

    # Discovery may lag behind: data flows before the graph knows everybody's name.
    wait_until(lambda: set(NODES) <= set(watcher.get_node_names()), 30.0, "the names of all nodes", tick=tick)
    wait_until(lambda: all(PUBLISHED[name] <= topics for name, topics in watcher.publishers().items()), 30.0, "their topics", tick=tick)
    sent = watcher.publishers()
    topics = set().union(*sent.values(), *(watcher.subscriptions_of(name) for name in NODES))
    assert not {"cmd_vel", "odom", "action_chunk/base"} & topics
    assert group.stop() == dict.fromkeys(NODES, 0)
