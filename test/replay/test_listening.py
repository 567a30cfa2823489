"""Messages that were lost on the way are counted, and topics that cannot be heard are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from waiting import wait_until

from neon_control.replay.listening import Channel, Listener

pytestmark = pytest.mark.system


def hear_until(listener: Listener, speak: Callable[[], object], topic: str, count: int) -> None:
    def enough() -> bool:
        list(listener.heard())
        return topic in listener.channels and listener.channels[topic].count >= count

    wait_until(enough, 20.0, f"{count} messages", tick=speak)


def test_messages_that_were_sent_but_did_not_arrive_are_counted(node: Node, robot: Node) -> None:
    states = robot.create_publisher(JointState, "joint_states", QoSProfile(depth=1))
    listener = Listener(node, ["joint_states"])
    hear_until(listener, lambda: states.publish(JointState()), "/r1/joint_states", 1)
    lost = listener.lost
    for _ in range(3000):  # more than the queue of the subscription holds
        states.publish(JointState())

    hear_until(listener, lambda: states.publish(JointState()), "/r1/joint_states", 300)

    assert listener.lost - lost > 1000
    assert listener.lost + listener.channels["/r1/joint_states"].count <= 3000 + 400


class JazzyListener(Listener):
    """The listener, told of its messages what Jazzy's rclpy tells: not whose they are."""

    def _count(self, topic: str, channel: Channel, info: dict[str, Any]) -> int:
        return super()._count(topic, channel, {k: v for k, v in info.items() if k != "publisher_gid"})


def test_on_jazzy_messages_are_recorded_and_those_of_two_publishers_are_not_taken_for_losses(node: Node, robot: Node) -> None:
    """Once it ended with a KeyError at the first message."""
    first, second = (robot.create_publisher(JointState, "joint_states", QoSProfile(depth=100)) for _ in range(2))
    listener = JazzyListener(node, ["joint_states"])

    def speak() -> None:
        for _ in range(3):  # so that the numbers of the two go apart
            first.publish(JointState())
        second.publish(JointState())

    hear_until(listener, speak, "/r1/joint_states", 100)
    assert listener.lost == 0


def test_two_types_on_one_topic_are_reported_and_the_rest_is_recorded(node: Node, robot: Node) -> None:
    robot.create_publisher(JointState, "audio", 10)
    context = Context()
    rclpy.init(context=context)  # a participant of its own: within one, the middleware refuses the second type
    other = Node("other", namespace="/r1", context=context)
    other.create_publisher(String, "audio", 10)
    wait_until(lambda: len(node.get_publishers_info_by_topic("/r1/audio")) == 2, 5.0, "both publishers")
    listener = Listener(node, ["audio"])

    def look() -> dict[str, str]:
        list(listener.heard())
        return listener.problems

    problems = wait_until(look, 5.0, "the problem")
    other.destroy_node()
    rclpy.shutdown(context=context)

    assert "disagree" in problems["/r1/audio"] and "std_msgs/msg/String" in problems["/r1/audio"]
    assert listener.missing == ["/r1/audio"]
