"""What a person says, from the wire."""

from __future__ import annotations

import time
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
from neon_control.nodes.takeover_input import TakeoverInput, waited

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
        self.steady = NOW
        self.publishers = {name: node.create_publisher(kind, f"takeover/{name}", qos) for name, kind in kinds.items()}

    def take(self, later: float = 0.005) -> None:
        """Read what has arrived, `later` [s] than before."""
        self.steady += round(later * 1e9)
        self.input.take(NOW, self.steady)

    def say(self, topic: str, message: object, until: Callable[[], object]) -> None:
        def again() -> object:
            self.publishers[topic].publish(message)
            self.take()
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
    assert heard.takeover.base(heard.steady).tolist() == [0.2, -0.1, 0.3]
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


def test_silent_topics_are_read_seldom_and_those_of_somebody_who_speaks_in_every_period(heard: Heard, monkeypatch) -> None:
    looks: list[str] = []
    for name, _, reader, _ in heard.input._topics:
        monkeypatch.setattr(reader, "take", lambda name=name, take=reader.take: (looks.append(name), take())[1])

    def reads(periods: int) -> int:
        looks.clear()
        for _ in range(periods):
            heard.take(0.002)
        return len(looks)

    heard.take()
    assert reads(500) == 3 * 20
    heard.say("enable", Bool(data=False), lambda: heard.takeover.accepted["takeover_enable"])
    assert reads(400) == 3 * 400
    heard.take(2.0)
    assert reads(500) == 3 * 20
    heard.say("enable", Bool(data=True), lambda: heard.takeover.state is Hold.HELD)
    heard.take(1.5)
    assert reads(100) == 3 * 100  # silent, and held


def test_a_hand_that_has_let_go_while_nobody_read_is_not_followed(heard: Heard) -> None:
    """`enable: true` waits in the queue for longer than the dead-man's timeout; the program that said it is gone."""
    heard.say("enable", Bool(data=False), lambda: heard.takeover.accepted["takeover_enable"])
    heard.publishers["enable"].publish(Bool(data=True))
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() - begin > 2.5, LIMIT, "the timeout of 2 s to pass")
    heard.take(10.0)
    assert heard.takeover.accepted["takeover_enable"] > 1 and heard.takeover.dead_man.update(heard.steady) is not Hold.HELD


def test_a_message_has_waited_since_it_came_and_no_longer_than_since_the_last_look() -> None:
    ago = 5_000_000_000  # [ns]
    assert ago <= waited({"received_timestamp": time.time_ns() - ago}, 10 * ago) < 2 * ago
    assert waited({"received_timestamp": time.time_ns() - ago}, 20) == 20  # a clock was set
    assert waited({"received_timestamp": time.time_ns() + ago}, 20) == 0
    assert waited({}, 20) == waited({"received_timestamp": 0}, 20) == 20  # a middleware that does not say


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
                heard.take()
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
