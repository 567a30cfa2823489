"""A subscription that nobody spins."""

from __future__ import annotations

import numpy as np
import pytest
import rclpy
from hypothesis import given
from hypothesis import strategies as st
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Int32
from waiting import wait_until

from neon_control.core.common.errors import ObservationError
from neon_control.nodes.polling import JointStateReader, PolledSubscription


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


def joint_state(names: list[str], positions: list[float], stamp: tuple[int, int] = (7, 9), frame: str = "", **others: object) -> bytes:
    message = JointState(name=names, position=positions, **others)
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.header.frame_id = frame
    return serialize_message(message)


names = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9), max_size=6)


@given(st.lists(st.tuples(names, st.integers(0, 2**31 - 1), st.text("ab", max_size=5)), min_size=1, max_size=6), st.integers(1, 3))
def test_what_is_read_is_what_was_written(messages, repeats):
    reader = JointStateReader()
    for joints, seconds, frame in messages:
        for k in range(repeats):  # the first by conversion, the rest by their bytes
            positions = [float(i + 100 * k) for i in range(len(joints))]
            data = joint_state(joints, positions, (seconds, k), frame, velocity=[1.0] * len(joints))
            stamp, read_names, values = reader.read(data)
            assert (stamp, list(read_names), values.tolist()) == (seconds * 10**9 + k, joints, positions)


def test_names_of_the_same_lengths_in_another_order_are_noticed():
    reader = JointStateReader()
    reader.read(joint_state(["left", "righ"], [1.0, 2.0]))
    assert reader.read(joint_state(["righ", "left"], [1.0, 2.0]))[1] == ["righ", "left"]


def test_a_message_without_positions_is_not_read_as_one_with():
    reader = JointStateReader()
    reader.read(joint_state(["a"], [1.0], velocity=[]))
    assert reader.read(joint_state(["a"], [], velocity=[5.0]))[2].tolist() == []
    assert reader.read(joint_state(["a"], [], effort=[5.0]))[2].tolist() == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_passed_on_for_others_to_refuse(value):
    reader = JointStateReader()
    for _ in range(2):
        assert not np.isfinite(reader.read(joint_state(["a", "b"], [0.0, value]))[2]).all()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01\x00\x00", b"\x00\x01\x00\x00" + b"\xff" * 99, joint_state(["a"] * 9, [0.0] * 9)[:60]],
    ids=["nothing", "header", "nonsense", "cut"],
)
def test_bytes_that_are_no_joint_state_are_refused(data):
    reader = JointStateReader()
    with pytest.raises(ObservationError, match="joint_states"):
        reader.read(data)
