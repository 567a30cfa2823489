"""What is seen of a robot, on a real graph, and what the command says of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from geometry_msgs.msg import Twist
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.robot.robot_file import load_robot
from neon_control.tools.cli import main

ARM = load_robot("arm6.yaml")
BASE = "\nbase: {max_velocity: {vx: 0.5, yaw_rate: 1.0}, max_acceleration: {vx: 3.0, yaw_rate: 6.0}}\nrecording: {audio: ''}\n"


@pytest.fixture
def robot_file(tmp_path: Path) -> Path:
    file = tmp_path / "robot.yaml"
    file.write_text(ARM.file.read_text().split("simulation:")[0].replace("../resource/arm6/arm6.urdf", str(ARM.urdf_path)) + BASE)
    return file


@pytest.fixture
def driver(ros_domain_id: int) -> Iterator[int]:
    """A robot whose driver calls its joints `r1/...` and whose base wants Twist; it publishes until the test ends."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain_id)
    node = rclpy.create_node("driver", context=context)
    publisher = node.create_publisher(JointState, "joint_states", 10)
    message = JointState(name=[f"r1/{name}" for name in ARM.joints], position=[0.0] * len(ARM.joints))
    node.create_subscription(Twist, "cmd_vel", lambda _: None, 10)
    node.create_subscription(JointTrajectory, ARM.controllers[0].topic, lambda _: None, 10)

    def publish() -> None:
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    node.create_timer(0.01, publish)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield ros_domain_id
    executor.shutdown()
    thread.join(5.0)
    context.try_shutdown()


def test_the_command_tells_what_fits_and_what_does_not(driver: int, robot_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["robot", "check", str(robot_file), "--seconds", "3", "--domain", str(driver)]
    assert main(arguments) == 1
    told = capsys.readouterr().out
    for text in (
        "a base that does not go sideways",
        "-> state `joint_prefix: r1/` in the robot file",
        "cmd_vel: driver expects geometry_msgs/msg/Twist, not geometry_msgs/msg/TwistStamped",
        "heard by driver as trajectory_msgs/msg/JointTrajectory",
        "camera/image_raw: nobody publishes it",
    ):
        assert text in told, told
    assert "stamps lie" not in told

    text = robot_file.read_text().replace("base: {", "joint_prefix: r1/\nbase: {message: auto, ")
    robot_file.write_text(text)
    assert main(arguments) == 1, "there is no camera"
    told = capsys.readouterr().out
    assert "joint_states: all 6 joints" in told and "heard by driver as geometry_msgs/msg/Twist" in told and "1 wrong" in told
