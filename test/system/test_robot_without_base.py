"""An arm on a table, from its robot file alone: camera to chunk to command to motion, and no topic of a base anywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from inference_harness import make_policy
from rclpy.executors import MultiThreadedExecutor
from waiting import wait_until

from neon_control.nodes.executor_node import ExecutorNode
from neon_control.nodes.inference import InferenceNode
from neon_control.sim.sim_node import SimNode

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def nodes(ros_domain_id: int, tmp_path: Path) -> Iterator[list]:
    """Simulation, executor and inference node of the arm, with an untrained policy."""
    make_policy(tmp_path / "policy", use_audio=False, robot_file="arm6.yaml")
    parameters = {"robot_config": "arm6.yaml", "policy": tmp_path / "policy", "width": 64, "height": 48, "start_ramp": 0.5}
    rclpy.init(args=["--ros-args", *(word for k, v in parameters.items() for word in ("-p", f"{k}:={v}"))])
    executor = MultiThreadedExecutor(3)
    running = [SimNode(), ExecutorNode(), InferenceNode()]
    for node in running:
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield running
    for node in running[1:]:
        if node.is_active:
            node.trigger_deactivate()
    executor.shutdown()
    thread.join()
    for node in running:
        node.destroy_node()
    rclpy.try_shutdown()


def test_an_arm_without_a_base_runs_from_its_robot_file_alone(nodes: list) -> None:
    simulation, executor, inference = nodes
    wait_until(lambda: executor.is_active and inference.is_active, 60.0, "active nodes")

    def hand() -> np.ndarray:
        return np.array(simulation._simulation.truth()["hands"]["hand"])

    home = hand()
    wait_until(lambda: np.linalg.norm(hand() - home) > 0.05, 60.0, "a hand that moves")
    topics = {name.lstrip("/") for name, _ in simulation.get_topic_names_and_types()}
    assert {"camera/image_raw", "joint_states", "action_chunk/joints", "arm_controller/joint_trajectory"} <= topics
    assert not {"cmd_vel", "odom", "action_chunk/base"} & topics
