"""What is kept of joint states, commands and odometry, over real DDS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from waiting import wait_until

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.chunk_messages import to_time
from neon_control.nodes.motion_topics import MotionTopics

LIMIT = 10.0  # [s]
ROBOT = load_robot("g1.yaml")
FIRST, SECOND, *_ = ROBOT.joints
ARM = next(c for c in ROBOT.controllers if c.type == "joint_trajectory")
FIRST, SECOND = ARM.joints[:2]


@pytest.fixture
def node(ros: None) -> Iterator[Node]:
    node = rclpy.create_node("reader")
    yield node
    node.destroy_node()


@pytest.fixture
def motion(node: Node) -> MotionTopics:
    motion = MotionTopics(node, ROBOT)
    motion.subscribe()
    return motion


def send(node: Node, topic: str, message: Any, read: Callable[[], bool]) -> None:
    """Publish once somebody listens, and read until it has come."""
    publisher = node.create_publisher(type(message), topic, 1)
    wait_until(lambda: publisher.get_subscription_count() > 0, LIMIT, "the subscription")
    publisher.publish(message)
    wait_until(read, LIMIT, topic, interval=0.001)


def trajectory(positions: dict[str, float]) -> JointTrajectory:
    return JointTrajectory(joint_names=list(positions), points=[JointTrajectoryPoint(positions=list(positions.values()))])


def test_joints_may_come_in_several_messages(node: Node, motion: MotionTopics) -> None:
    assert (motion.measured, motion.measured_stamp) == ({}, 0)
    for second, part in enumerate([{FIRST: 1.0, "b": 2.0}, {SECOND: 3.0}], start=1):
        message = JointState(name=list(part), position=list(part.values()))
        message.header.stamp = to_time(second * 1_000_000_000)
        send(node, "joint_states", message, motion.read_joint_states)
    assert (motion.measured, motion.measured_stamp) == ({FIRST: 1.0, "b": 2.0, SECOND: 3.0}, 2_000_000_000)


@pytest.mark.parametrize("positions", [[], [math.nan]])
def test_joint_states_without_usable_positions_are_refused(node: Node, motion: MotionTopics, positions: list[float]) -> None:
    with pytest.raises(ObservationError, match=r"joint_states: (1 names but positions of shape|position of .* is not finite)"):
        send(node, "joint_states", JointState(name=[FIRST], position=positions), motion.read_joint_states)
    assert motion.measured == {}


def test_a_command_counts_until_it_is_too_old(node: Node, motion: MotionTopics) -> None:
    send(node, ARM.topic, trajectory({FIRST: 0.25, SECOND: 0.5}), motion.read_commands)
    assert motion.commanded(LIMIT) == {FIRST: 0.25, SECOND: 0.5}
    wait_until(lambda: motion.commanded(0.01) == {}, LIMIT, "it to be too old")
    send(node, ARM.topic, JointTrajectory(), motion.read_commands)
    assert motion.commanded(LIMIT) == {}, "a trajectory without points commands nothing"


def test_positions_are_in_the_order_of_the_controller(node: Node) -> None:
    controller = replace(ARM, type="position")
    motion = MotionTopics(node, replace(ROBOT, controllers=(controller,)))
    motion.subscribe()
    send(node, controller.topic, Float64MultiArray(data=[float(i) for i in range(len(controller.joints))]), motion.read_commands)
    assert motion.commanded(LIMIT) == {joint: float(i) for i, joint in enumerate(controller.joints)}
    with pytest.raises(ObservationError, match=controller.topic):
        send(node, controller.topic, Float64MultiArray(data=[1.0]), motion.read_commands)


def test_odometry_is_a_pose_and_a_velocity_in_the_plane(node: Node, motion: MotionTopics) -> None:
    message = Odometry()
    message.header.stamp = to_time(5)
    message.pose.pose.position.x, message.pose.pose.position.y = 1.0, -2.0
    message.pose.pose.orientation.w = message.pose.pose.orientation.z = math.sqrt(0.5)
    message.twist.twist.linear.x, message.twist.twist.angular.z = 0.5, 0.25
    send(node, "odom", message, motion.read_odometry)
    assert motion.base_pose == pytest.approx([1.0, -2.0, math.pi / 2])
    assert motion.base_velocity is not None
    assert (motion.base_velocity.tolist(), motion.base_stamp) == ([0.5, 0.0, 0.25], 5)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_pose_that_is_not_finite_is_refused(node: Node, motion: MotionTopics, wrong: float) -> None:
    message = Odometry()
    message.pose.pose.position.x, message.pose.pose.orientation.w = wrong, 1.0
    with pytest.raises(ObservationError, match="odom: the pose must be finite"):
        send(node, "odom", message, motion.read_odometry)
    assert motion.base_stamp == 0
