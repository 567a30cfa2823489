"""One topic of one of two types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from waiting import wait_until

from neon_control.nodes.checked_messages import full_name
from neon_control.nodes.either_type import EitherType

LIMIT = 30.0  # [s]
QOS = QoSProfile(depth=8)


@pytest.fixture
def node(ros) -> Iterator[Node]:
    built = rclpy.create_node("reader")
    yield built
    built.destroy_node()


@pytest.fixture
def speaker(ros) -> Iterator[Node]:
    """In a participant of its own: one participant has one type for a topic."""
    context = rclpy.Context()
    rclpy.init(context=context)
    built = rclpy.create_node("speaker", context=context)
    yield built
    built.destroy_node()
    context.try_shutdown()


def heard(reader: EitherType, publisher, message: object) -> type:
    def say() -> list[tuple[type, bytes, object]]:
        publisher.publish(message)
        reader.look()
        return reader.take()

    return wait_until(say, LIMIT, "a message", interval=0.05)[0][0]


def test_the_preferred_type_is_read_at_once_and_another_one_when_only_that_is_published(node: Node, speaker: Node) -> None:
    reader = EitherType(node, "base", [TwistStamped, Twist], QOS, 4)
    assert reader.kind is TwistStamped and reader.take() == []
    other = speaker.create_publisher(Twist, "base", QOS)
    assert heard(reader, other, Twist()) is Twist
    reader.look()
    assert reader.kind is Twist
    speaker.destroy_publisher(other)
    assert heard(reader, speaker.create_publisher(TwistStamped, "base", QOS), TwistStamped()) is TwistStamped


def test_a_class_has_the_name_that_the_graph_tells() -> None:
    assert full_name(TwistStamped) == "geometry_msgs/msg/TwistStamped"
