"""From a URDF to a robot that is checked: `robot init` listens, what it marked is stated, a real executor runs, `robot check` agrees."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from geometry_msgs.msg import Twist
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image, JointState
from small_urdf import arm, small_urdf
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until

from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.processes import ProcessGroup, node_command
from neon_control.tools.cli import main

pytestmark = [pytest.mark.system, pytest.mark.patient, pytest.mark.timeout(90)]

PREFIX = "r1_"
JOINTS = [*(line.split()[0] for line in arm()), "jaw"]


class Drivers:
    """A robot whose drivers call its joints `r1_...`, with a base that wants Twist; in a thread of its own."""

    def __init__(self, domain: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("drivers", context=self._context)
        states, images = self.node.create_publisher(JointState, "joint_states", 5), self.node.create_publisher(Image, "eye/image_raw", 1)
        names = [*(f"{PREFIX}{name}" for name in JOINTS), "wheel"]

        def publish() -> None:
            message = JointState(name=names, position=[0.1] * len(names))
            message.header.stamp = self.node.get_clock().now().to_msg()
            states.publish(message)

        self.node.create_timer(0.02, publish)
        self.node.create_timer(0.1, lambda: images.publish(Image(height=1, width=1, encoding="rgb8", step=3, data=bytes(3))))
        self.node.create_subscription(Twist, "cmd_vel", lambda _: None, 1)
        for controller in ("arm_controller", "gripper_controller"):
            self.node.create_subscription(JointTrajectory, f"{controller}/joint_trajectory", lambda _: None, 1)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join(5.0)
        self._context.try_shutdown()


@pytest.fixture
def drivers(ros_domain_id: int) -> Iterator[Drivers]:
    running = Drivers(ros_domain_id)
    yield running
    running.close()


def test_a_drafted_robot_file_is_stated_run_and_checked(drivers: Drivers, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    urdf, file = small_urdf(tmp_path, *arm(), "jaw > wrist_3 0..0 at 0", "wheel > continuous"), tmp_path / "r.yaml"
    assert main(["robot", "init", str(urdf), "--output", str(file), "--joint-states-from-graph", "--seconds", "4"]) == 0
    assert "does not load before 1 of them are stated" in capsys.readouterr().out
    text = file.read_text()
    assert f"joint_prefix: {PREFIX} # heard" in text and "message: twist" in text and "eye: {topic: eye/image_raw} # heard" in text

    file.write_text(text.replace("lower: null, upper: null, velocity: null", "lower: 0.0, upper: 0.8, velocity: 1.0"))
    assert list(load_robot(file).joints) == JOINTS
    command = node_command("neon_control.nodes.executor_node", parameters={"robot_config": str(file), "mode": "arms_hands"})
    with ProcessGroup(tmp_path / "log") as processes:
        processes.start("executor_node", command)
        topic = "arm_controller/joint_trajectory"
        wait_until(lambda: drivers.node.get_publishers_info_by_topic(f"/{topic}"), 30.0, "the executor's publishers", tick=processes.check)
        assert main(["robot", "check", str(file), "--seconds", "3"]) == 0
    told = capsys.readouterr().out
    for part in ("joint_states: all 7 joints", f"right     {topic}: heard by", "right     cmd_vel: heard by", "nothing wrong was seen"):
        assert part in told, told
