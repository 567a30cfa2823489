"""What a person says, from the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import TwistStamped, Vector3
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from waiting import wait_until

from neon_control.core.control.dead_man import Hold
from neon_control.core.control.takeover import Takeover, TakeoverSettings
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.takeover_input import TakeoverInput

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]
NOW, LIMIT = 10**18, 30.0  # [ns], [s]


class Heard:
    """A takeover, its input, and somebody who speaks."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.takeover = Takeover(ROBOT, NAMES, TakeoverSettings(timeout=2.0))
        self.input = TakeoverInput(node, self.takeover, base=True)
        qos = QoSProfile(depth=8)
        kinds = {"enable": Bool, "joints": JointState, "base": TwistStamped}
        self.publishers = {name: node.create_publisher(kind, f"takeover/{name}", qos) for name, kind in kinds.items()}

    def say(self, topic: str, message: object, until: Callable[[], object]) -> None:
        def again() -> object:
            self.publishers[topic].publish(message)
            self.input.take(NOW, NOW)
            return until()

        wait_until(again, LIMIT, f"{topic}; refused: {self.takeover.rejected}", interval=0.02)


@pytest.fixture
def heard(ros) -> Iterator[Heard]:
    node = rclpy.create_node("executor_node")
    yield Heard(node)
    node.destroy_node()


def test_button_targets_and_velocity_arrive(heard: Heard) -> None:
    heard.say("enable", Bool(data=True), lambda: heard.takeover.state is Hold.HELD)
    heard.takeover.begin(NOW, np.zeros(len(NAMES)), NOW, NOW)
    heard.say("joints", JointState(name=[NAMES[2]], position=[0.4]), lambda: heard.takeover.accepted["takeover_joints"])
    assert heard.takeover.joints(NOW + 10**10).tolist() == [0.0, 0.0, 0.4, *[0.0] * (len(NAMES) - 3)]
    twist = TwistStamped()
    twist.twist.linear, twist.twist.angular = Vector3(x=0.2, y=-0.1), Vector3(z=0.3)
    heard.say("base", twist, lambda: heard.takeover.accepted["takeover_base"])
    assert heard.takeover.base(NOW).tolist() == [0.2, -0.1, 0.3]
    heard.say("enable", Bool(data=False), lambda: heard.takeover.state is Hold.OFF)
    assert not heard.takeover.rejected


def test_bytes_that_are_no_message_are_counted_and_change_nothing(heard: Heard) -> None:
    heard.say("enable", serialize_message(Bool(data=True))[:4], lambda: heard.takeover.rejected["takeover_enable/malformed"])
    heard.say("joints", b"\x00\x01\x00\x00" + b"\xff" * 40, lambda: heard.takeover.rejected["takeover_joints/malformed"])
    heard.say("base", serialize_message(TwistStamped())[:20], lambda: heard.takeover.rejected["takeover_base/malformed"])
    assert heard.takeover.state is Hold.OFF and not heard.takeover.accepted and "refused" in heard.takeover.complaint


def test_a_target_that_is_not_one_is_counted_by_its_reason(heard: Heard) -> None:
    for message, reason in (
        (JointState(name=["nose"], position=[0.1]), "joint_names"),
        (JointState(name=[NAMES[0]], position=[]), "shape"),
        (JointState(name=[NAMES[0]], position=[float("nan")]), "non_finite"),
    ):
        heard.say("joints", message, lambda reason=reason: heard.takeover.rejected[f"takeover_joints/{reason}"])


def trajectory(points: int) -> JointTrajectory:
    message = JointTrajectory(joint_names=[NAMES[0]])
    message.points = [JointTrajectoryPoint(positions=[0.001 * k], time_from_start=Duration(nanosec=10**7 * k)) for k in range(points)]
    return message


def test_a_trajectory_is_read_where_only_that_is_published_and_a_long_one_is_refused(heard: Heard) -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    speaker = rclpy.create_node("speaker", context=context)
    heard.node.destroy_publisher(heard.publishers["joints"])
    try:
        publisher = speaker.create_publisher(JointTrajectory, "takeover/joints", QoSProfile(depth=8))

        def said(message: JointTrajectory, until: Callable[[], object]) -> None:
            def again() -> object:
                publisher.publish(message)
                heard.input.look()
                heard.input.take(NOW, NOW)
                return until()

            wait_until(again, LIMIT, f"a trajectory; refused: {heard.takeover.rejected}", interval=0.05)

        said(trajectory(10), lambda: heard.takeover.accepted["takeover_joints"])
        said(trajectory(65), lambda: heard.takeover.rejected["takeover_joints/malformed"])
        ragged = trajectory(3)
        ragged.points[1].positions = []
        said(ragged, lambda: heard.takeover.rejected["takeover_joints/shape"])
    finally:
        speaker.destroy_node()
        context.try_shutdown()
