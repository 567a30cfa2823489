"""Commands as a robot's drivers read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from waiting import wait_until

from neon_control.core.control.controllers import CommandError
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.wire import Wire
from neon_control.nodes.command_input import CommandInput

pytestmark = pytest.mark.system
NOW = 42
JOINTS = ("a", "b")
CONTROLLER = ControllerConfig("arm", "arm/joint_trajectory", JOINTS)


@pytest.fixture
def node(ros_domain_id: int) -> Iterator[Node]:
    rclpy.init()
    made = Node("driver")
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def commands(node: Node) -> CommandInput:
    return CommandInput(node, Wire("r1_", frozenset()), lambda: NOW)


def heard(node: Node, message: Any, topic: str, calls: list[Any]) -> tuple[Any, ...]:
    """Send a message until it has arrived; what was handed over."""
    publisher = node.create_publisher(type(message), topic, 1)

    def send() -> None:
        publisher.publish(message)
        rclpy.spin_once(node, timeout_sec=0.05)

    wait_until(lambda: calls, 20.0, "a call", tick=send)
    return tuple(calls[0])


def test_a_trajectory_with_velocities_under_the_drivers_names(node: Node, commands: CommandInput) -> None:
    calls: list[Any] = []
    commands.joints(CONTROLLER, lambda *arguments: calls.append(arguments))
    message = JointTrajectory(joint_names=["r1_b", "r1_a"])
    message.header.stamp.sec = 3
    for number in range(2):
        point = JointTrajectoryPoint(positions=[1.0 + number, 2.0], velocities=[0.5, 0.0])
        point.time_from_start.nanosec = 10_000_000 * (number + 1)
        message.points.append(point)
    name, now, stamp, names, offsets, positions, velocities, accelerations = heard(node, message, CONTROLLER.topic, calls)

    assert (name, now, stamp, list(names), accelerations) == ("arm", NOW, 3_000_000_000, ["b", "a"], None)
    np.testing.assert_allclose(offsets, [0.01, 0.02])
    assert positions.tolist() == [[1.0, 2.0], [2.0, 2.0]] and velocities.tolist() == [[0.5, 0.0]] * 2


def test_positions_without_names_are_in_the_order_of_the_robot_file(node: Node, commands: CommandInput) -> None:
    calls: list[Any] = []
    commands.joints(ControllerConfig("arm", "arm/commands", JOINTS, "position"), lambda *arguments: calls.append(arguments))
    _, _, stamp, names, offsets, positions = heard(node, Float64MultiArray(data=[0.1, 0.2]), "arm/commands", calls)

    assert (stamp, names, offsets.tolist(), positions.tolist()) == (0, JOINTS, [0.0], [[0.1, 0.2]])


@pytest.mark.parametrize("stamped", [True, False])
def test_velocities_of_the_base_with_their_stamp_where_they_have_one(node: Node, commands: CommandInput, stamped: bool) -> None:
    calls: list[Any] = []
    commands.base("cmd_vel", stamped, lambda *arguments: calls.append(arguments))
    twist = Twist()
    twist.linear.x, twist.linear.y, twist.angular.z = 0.1, 0.2, 0.3
    message: Any = TwistStamped(twist=twist) if stamped else twist
    if stamped:
        message.header.stamp.sec = 7
    now, stamp, velocity = heard(node, message, "cmd_vel", calls)

    assert (now, stamp, velocity.tolist()) == (NOW, 7_000_000_000 if stamped else 0, [0.1, 0.2, 0.3])


def test_what_is_refused_is_said_and_changes_nothing(node: Node, commands: CommandInput, capfd: pytest.CaptureFixture[str]) -> None:
    calls: list[Any] = []

    def refuse(*arguments: Any) -> None:
        calls.append(arguments)
        raise CommandError("too old")

    commands.joints(CONTROLLER, refuse)
    heard(node, JointTrajectory(joint_names=["r1_a"]), CONTROLLER.topic, calls)

    assert "command on arm/joint_trajectory refused: too old" in capfd.readouterr().err


def test_where_they_are_polled_nobody_is_handed_one_by_spinning_and_each_comes_once(node: Node) -> None:
    calls: list[Any] = []
    commands = CommandInput(node, Wire("", frozenset()), lambda: NOW, polled=True)
    commands.joints(CONTROLLER, lambda *arguments: calls.append(arguments))
    publisher = node.create_publisher(JointTrajectory, CONTROLLER.topic, 1)
    wait_until(publisher.get_subscription_count, 20.0, "the subscription")
    publisher.publish(JointTrajectory(joint_names=list(JOINTS), points=[JointTrajectoryPoint(positions=[1.0, 2.0])]))
    for _ in range(10):
        rclpy.spin_once(node, timeout_sec=0.02)
    assert calls == []

    wait_until(lambda: commands.take() or calls, 20.0, "a command")
    commands.take()
    assert len(calls) == 1 and calls[0][:3] == ("arm", NOW, 0)

    commands.close()
    wait_until(lambda: publisher.get_subscription_count() == 0, 20.0, "nobody")
    commands.take()


def test_points_of_different_lengths_are_refused(node: Node, commands: CommandInput, capfd: pytest.CaptureFixture[str]) -> None:
    calls: list[Any] = []
    commands.joints(CONTROLLER, lambda *arguments: calls.append(arguments))
    publisher = node.create_publisher(JointTrajectory, CONTROLLER.topic, 1)
    message = JointTrajectory(joint_names=["r1_a", "r1_b"])
    message.points = [JointTrajectoryPoint(positions=[1.0, 2.0]), JointTrajectoryPoint(positions=[1.0])]
    said = ""

    def send() -> None:
        nonlocal said
        publisher.publish(message)
        rclpy.spin_once(node, timeout_sec=0.05)
        said += capfd.readouterr().err

    wait_until(lambda: "the points have different numbers of positions" in said, 20.0, "a complaint", tick=send)
    assert calls == []
