"""A subscription that nobody spins."""

from __future__ import annotations

import rclpy
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from std_msgs.msg import Int32
from waiting import wait_until

from neon_control.nodes.polling import JOINT_STATES_QOS, PolledSubscription, most_taken, publisher_of


def test_messages_wait_until_they_are_taken_and_the_newest_are_kept(ros):
    node = rclpy.create_node("polling")
    subscription = PolledSubscription(node, Int32, "numbers", QoSProfile(depth=3))
    publisher = node.create_publisher(Int32, "numbers", QoSProfile(depth=10))
    wait_until(lambda: publisher.get_subscription_count() == 1, 5.0, "discovery")
    assert list(subscription.take()) == []
    for i in range(8):
        publisher.publish(Int32(data=i))
    for _ in range(5):
        rclpy.spin_once(node, timeout_sec=0.01)  # takes nothing away
    taken: list[int] = []

    def newest_arrived() -> bool:
        taken.extend(deserialize_message(m, Int32).data for m in subscription.take())
        return taken[-1:] == [7]

    wait_until(newest_arrived, 2.0, "the last message")
    assert taken == sorted(taken)
    assert list(subscription.take()) == []
    node.destroy_node()


def test_a_slow_publisher_is_not_pushed_out_by_a_fast_one(ros):
    """The wound: five messages deep, shared, the queue had lost the gripper's state when the control thread looked."""
    node = rclpy.create_node("polling")
    subscription = PolledSubscription(node, Int32, "numbers", JOINT_STATES_QOS, most_taken(20.0))
    slow, fast = (node.create_publisher(Int32, "numbers", QoSProfile(depth=300)) for _ in range(2))
    wait_until(lambda: slow.get_subscription_count() == fast.get_subscription_count() == 1, 5.0, "discovery")
    slow.publish(Int32(data=-1))
    for i in range(200):  # what 1 kHz sends in 0.2 s, the time in which a joint state grows stale
        fast.publish(Int32(data=i))
    taken: list[tuple[int, bytes | None]] = []

    def all_arrived() -> bool:
        taken.extend((deserialize_message(data, Int32).data, publisher_of(info)) for data, info in subscription.take_with_info())
        return len(taken) == 201

    wait_until(all_arrived, 5.0, "every message")
    senders = {number < 0: sender for number, sender in taken}
    assert None in senders.values() or senders[True] != senders[False]  # Jazzy does not tell
    node.destroy_node()


def test_a_flood_is_taken_in_parts(ros):
    node = rclpy.create_node("polling")
    subscription = PolledSubscription(node, Int32, "numbers", JOINT_STATES_QOS, most_taken(500.0))
    publisher = node.create_publisher(Int32, "numbers", QoSProfile(depth=300))
    wait_until(lambda: publisher.get_subscription_count() == 1, 5.0, "discovery")
    for i in range(100):
        publisher.publish(Int32(data=i))
    parts: list[int] = []

    def all_arrived() -> bool:
        parts.append(sum(1 for _ in subscription.take()))
        return sum(parts) == 100

    wait_until(all_arrived, 5.0, "every message")
    assert max(parts) <= 32
    node.destroy_node()
