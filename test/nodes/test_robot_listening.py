"""What a running robot is heard to have, on a real graph."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.robot.heard import Heard
from neon_control.nodes.robot_listening import listen


@pytest.fixture
def context(ros_domain_id: int) -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made, domain_id=ros_domain_id)
    yield made
    made.try_shutdown()


def hear(context: Context, *others: Node, namespace: str = "") -> Heard:
    node = rclpy.create_node("listener", context=context, namespace=namespace)
    executor = SingleThreadedExecutor(context=context)
    for each in (node, *others):
        executor.add_node(each)
    return listen(node, 3.0, lambda seconds: executor.spin_once(timeout_sec=seconds))


def test_joints_controllers_cameras_and_the_base_are_heard(context: Context) -> None:
    robot, monitor = (rclpy.create_node(name, context=context) for name in ("robot", "monitor"))
    states = robot.create_publisher(JointState, "joint_states", 5)
    robot.create_timer(0.05, lambda: states.publish(JointState(name=["r1/elbow", "r1/wrist"], position=[0.0, 0.0])))
    robot.create_subscription(JointTrajectory, "arm_controller/joint_trajectory", lambda _: None, 1)
    robot.create_subscription(Float64MultiArray, "gripper/commands", lambda _: None, 1)
    robot.create_subscription(Twist, "cmd_vel", lambda _: None, 1)
    robot.create_subscription(Image, "of_others/image_raw", lambda _: None, 1)
    cameras = [robot.create_publisher(Image, "head/image_raw", 1), robot.create_publisher(CompressedImage, "wrist/image_raw/compressed", 1)]
    monitor.create_subscription(TwistStamped, "cmd_vel_shown", lambda _: None, 1)  # it shows commands, and moves nothing

    heard = hear(context, robot, monitor)

    assert len(cameras) == 2 and heard.joints == ("r1/elbow", "r1/wrist")
    assert heard.commanded == {
        "arm_controller/joint_trajectory": "trajectory_msgs/msg/JointTrajectory",
        "gripper/commands": "std_msgs/msg/Float64MultiArray",
        "cmd_vel": "geometry_msgs/msg/Twist",
    }
    assert heard.images == {"head/image_raw": "sensor_msgs/msg/Image", "wrist/image_raw/compressed": "sensor_msgs/msg/CompressedImage"}
    assert heard.actions == {}


def test_what_is_in_the_robot_s_namespace_is_named_without_it(context: Context) -> None:
    robot = rclpy.create_node("robot", context=context, namespace="r1")
    robot.create_subscription(Twist, "cmd_vel", lambda _: None, 1)
    robot.create_subscription(Twist, "/cmd_vel", lambda _: None, 1)
    assert set(hear(context, robot, namespace="r1").commanded) == {"cmd_vel", "/cmd_vel"}
