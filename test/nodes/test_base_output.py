"""Which type the base is commanded by: the one that was told, or the one that the first listener expects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from waiting import wait_until

from neon_control.core.control.command import Command
from neon_control.core.control.promise import Motion
from neon_control.nodes.base_output import COMMAND_QOS, BaseOutput
from neon_control.nodes.listeners import Listeners

TOPIC = "drive/cmd"
COMMAND = Command(0, Motion(np.zeros(1, np.int64), np.zeros((1, 0)), np.zeros((1, 0))), {}, np.array([0.1, 0.0, 0.3]), 0, 0)


@pytest.fixture
def node(ros) -> Iterator[Node]:
    n = rclpy.create_node("executor_node")
    yield n
    n.destroy_node()


@pytest.fixture
def others(ros) -> Iterator[dict[str, Node]]:
    """Each in a participant of its own: one cannot have a topic with two types."""
    contexts, nodes = [], {}
    for name in ("base_controller", "other_base", "rosbag2_recorder"):
        contexts.append(rclpy.Context())
        rclpy.init(context=contexts[-1], domain_id=ros)
        nodes[name] = rclpy.create_node(name, context=contexts[-1])
    yield nodes
    for n, context in zip(nodes.values(), contexts, strict=True):
        n.destroy_node()
        context.try_shutdown()


@pytest.mark.parametrize("kind", [Twist, TwistStamped])
def test_auto_takes_the_type_of_whoever_drives_and_not_of_who_watches(node: Node, others: dict[str, Node], kind: type) -> None:
    output, received = BaseOutput(node, TOPIC, "auto", "base_footprint"), []
    listeners = Listeners(node, [TOPIC], [output.decide])
    watched = TwistStamped if kind is Twist else Twist
    others["rosbag2_recorder"].create_subscription(watched, TOPIC, lambda message: None, COMMAND_QOS)

    def nobody() -> bool:
        """While the recorder's name is not known yet, it is not taken for one who drives either."""
        listeners.look()
        output.send(COMMAND, 5)  # nobody to send it to: nothing happens
        assert len(listeners.problems) == 1 and not listeners.complete()
        known = {each.node_name for each in node.get_subscriptions_info_by_topic(f"/{TOPIC}")} == {"rosbag2_recorder"}
        return known and "nobody subscribes to geometry_msgs/msg/Twist or geometry_msgs/msg/TwistStamped" in listeners.problems[0]

    wait_until(nobody, 10.0, "the recorder's name")
    controller = others["base_controller"]
    controller.create_subscription(kind, TOPIC, received.append, COMMAND_QOS)
    executor = rclpy.executors.SingleThreadedExecutor(context=controller.context)
    executor.add_node(controller)

    def exchange() -> bool:
        listeners.look()
        output.send(COMMAND, 5_000_000_007)
        executor.spin_once(timeout_sec=0.02)
        return bool(received) and listeners.complete()

    wait_until(exchange, 10.0, "a command")
    twist = received[0].twist if kind is TwistStamped else received[0]
    assert (twist.linear.x, twist.linear.y, twist.angular.z) == (0.1, 0.0, 0.3)
    if kind is TwistStamped:
        assert (received[0].header.frame_id, received[0].header.stamp.sec, received[0].header.stamp.nanosec) == ("base_footprint", 5, 7)


def test_auto_does_not_choose_between_two_who_expect_different_types(node: Node, others: dict[str, Node]) -> None:
    for name, kind in (("base_controller", Twist), ("other_base", TwistStamped)):
        others[name].create_subscription(kind, TOPIC, lambda message: None, COMMAND_QOS)

    def named() -> set[str]:
        return {each.node_name for each in node.get_subscriptions_info_by_topic(f"/{TOPIC}")}

    wait_until(lambda: named() == {"base_controller", "other_base"}, 10.0, "both listeners")  # who comes alone is taken
    problem = BaseOutput(node, TOPIC, "auto", "base_link").decide()
    assert "base_controller expects geometry_msgs/msg/Twist" in problem and "other_base expects geometry_msgs/msg/TwistStamped" in problem
    assert "base_message twist or twist_stamped instead of auto" in problem
    assert not [p for p in node.publishers if p.topic_name == f"/{TOPIC}"]
