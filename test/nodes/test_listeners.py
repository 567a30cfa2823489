"""Who hears the commands, asked of a real graph."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from waiting import wait_until

from neon_control.nodes.listeners import Listeners
from neon_control.nodes.outputs import COMMAND_QOS

TOPIC = "cmd_vel"


@pytest.fixture
def node(ros) -> Iterator[Node]:
    n = rclpy.create_node("executor_node", namespace="r1")
    n.create_publisher(TwistStamped, TOPIC, COMMAND_QOS)
    yield n
    n.destroy_node()


@pytest.fixture
def other(ros) -> Iterator[Node]:
    """In a participant of its own: one cannot have a topic with two types."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros)
    n = rclpy.create_node("base_controller", namespace="r1", context=context)
    yield n
    n.destroy_node()
    context.try_shutdown()


def problems(listeners: Listeners, text: str) -> None:
    """Wait until the one problem is said."""

    def said() -> bool:
        listeners.look()
        return len(listeners.problems) == 1 and text in listeners.problems[0]

    wait_until(said, 5.0, f"'{text}', said: {listeners.problems}")
    assert not listeners.complete()


def heard(listeners: Listeners) -> None:
    """Wait until nothing is wrong."""

    def complete() -> bool:
        listeners.look()
        return listeners.complete()

    wait_until(complete, 5.0, "a listener")
    assert listeners.problems == []


def test_a_topic_without_a_subscriber_is_named_with_its_type(node: Node) -> None:
    listeners = Listeners(node, [TOPIC, "a_controller_that_this_mode_leaves_alone"])
    assert not listeners.complete()  # nobody has looked yet
    problems(listeners, "/r1/cmd_vel: nobody subscribes to these geometry_msgs/msg/TwistStamped")


def test_a_subscriber_of_another_type_is_named(node: Node, other: Node) -> None:
    """The wound: a base that wants Twist got TwistStamped, and all was well."""
    listeners = Listeners(node, [TOPIC])
    other.create_subscription(Twist, TOPIC, lambda message: None, 1)
    problems(listeners, "base_controller expects geometry_msgs/msg/Twist, not geometry_msgs/msg/TwistStamped")


def test_a_subscriber_whose_qos_does_not_match_is_named(node: Node, other: Node) -> None:
    listeners = Listeners(node, [TOPIC])
    other.create_subscription(TwistStamped, TOPIC, lambda message: None, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    problems(listeners, "the QoS of base_controller does not fit (reliable, transient_local; ours reliable, volatile)")


def test_who_only_watches_does_not_count(node: Node, ros) -> None:
    listeners = Listeners(node, [TOPIC])
    watcher = rclpy.create_node("monitor_node", namespace="r1")
    watcher.create_subscription(TwistStamped, TOPIC, lambda message: None, 1)
    publisher = next(p for p in node.publishers if p.topic_name.endswith(TOPIC))
    wait_until(lambda: publisher.get_subscription_count() == 1, 5.0, "discovery")
    problems(listeners, "nobody subscribes")
    watcher.destroy_node()


def test_a_listener_that_leaves_is_missed_at_once(node: Node, other: Node) -> None:
    listeners = Listeners(node, [TOPIC])
    subscription = other.create_subscription(TwistStamped, TOPIC, lambda message: None, 1)
    heard(listeners)
    other.destroy_subscription(subscription)
    wait_until(lambda: not listeners.complete(), 5.0, "the loss")  # the graph has not been asked again
    problems(listeners, "nobody subscribes")
