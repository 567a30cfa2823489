"""Chunks on the wire: what is written is what is read, and everything else is refused with its reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from waiting import wait_until

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.foresight import Foreseen, nothing
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.nodes.chunk_messages import (
    base_plan_message,
    chunk_qos,
    chunk_to_messages,
    joint_plan_message,
    read_base,
    read_base_plan,
    read_joint_plan,
    read_joints,
    to_time,
)
from neon_control.nodes.chunk_publisher import ChunkPublisher
from neon_control.nodes.polling import PolledSubscription

NAMES = ("a", "b", "c")
H, DT, STAMP = 16, 0.02, 1_700_000_000_123_456_789


def chunk() -> ActionChunk:
    rng = np.random.default_rng(1)
    return ActionChunk(STAMP, DT, NAMES + BASE_NAMES, rng.normal(size=(H, 6)))


@pytest.fixture
def messages() -> tuple[JointTrajectory, MultiDOFJointTrajectory]:
    """As a subscriber gets them: through serialisation."""
    return tuple(deserialize_message(serialize_message(m), type(m)) for m in chunk_to_messages(chunk()))


def reason(read, *arguments) -> str:
    with pytest.raises(ChunkError) as error:
        read(*arguments)
    return error.value.reason


def test_a_chunk_survives_the_wire_exactly(messages):
    joints, base = read_joints(messages[0], NAMES, H), read_base(messages[1], H)
    assert joints.stamp == base.stamp == STAMP
    assert joints.dt == pytest.approx(DT) and base.dt == pytest.approx(DT)
    np.testing.assert_array_equal(joints.values, chunk().joints)
    np.testing.assert_array_equal(base.values, chunk().base)


def test_points_lie_20_ms_apart_from_zero(messages):
    for message in messages:
        assert [p.time_from_start.nanosec for p in message.points] == [i * 20_000_000 for i in range(H)]


def test_joints_are_mapped_by_name(messages):
    joints = messages[0]
    joints.joint_names = ["c", "a", "b"]
    for point in joints.points:
        a, b, c = point.positions
        point.positions = [c, a, b]
    np.testing.assert_array_equal(read_joints(joints, NAMES, H).values, chunk().joints)


def test_a_robot_without_a_base_sends_no_base_points():
    c = chunk()
    joints, base = chunk_to_messages(ActionChunk(STAMP, DT, NAMES, c.joints))
    assert len(joints.points) == H and not base.points


@pytest.mark.parametrize("names", [["a", "b", "x"], ["a", "b"], ["a", "b", "c", "d"], ["a", "b", "b"]])
def test_wrong_missing_extra_and_repeated_joints_are_refused(messages, names):
    joints = messages[0]
    joints.joint_names = names
    for point in joints.points:
        point.positions = [0.0] * len(names)
    assert reason(read_joints, joints, NAMES, H) == "joint_names"


def test_the_refusal_names_the_joints(messages):
    messages[0].joint_names = ["a", "b", "x"]
    with pytest.raises(ChunkError, match=r"missing: \['c'\]; not commanded here: \['x'\]"):
        read_joints(messages[0], NAMES, H)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(messages, value):
    joints, base = messages
    joints.points[7].positions[1] = value
    base.points[15].velocities[0].angular.z = value
    assert reason(read_joints, joints, NAMES, H) == "non_finite"
    assert reason(read_base, base, H) == "non_finite"


@pytest.mark.parametrize("count", [0, 1, 15, 17])
def test_another_number_of_points_is_refused(messages, count):
    joints, base = messages
    joints.points = (joints.points * 2)[:count]
    base.points = (base.points * 2)[:count]
    assert reason(read_joints, joints, NAMES, H) == "length"
    assert reason(read_base, base, H) == "length"


def test_a_point_with_another_number_of_positions_is_refused(messages):
    messages[0].points[3].positions = [0.0]
    assert reason(read_joints, messages[0], NAMES, H) == "shape"


@pytest.mark.parametrize("index", [0, 3, 15])
def test_uneven_time_steps_are_refused(messages, index):
    for message, read in zip(messages, (lambda m: read_joints(m, NAMES, H), lambda m: read_base(m, H)), strict=True):
        message.points[index].time_from_start.nanosec += 5_000_000
        assert reason(read, message) == "dt"


def test_a_chunk_without_duration_is_refused(messages):
    for point in messages[0].points:
        point.time_from_start.nanosec = 0
    assert reason(read_joints, messages[0], NAMES, H) == "dt"


def test_a_chunk_that_spans_minutes_is_refused(messages):
    for i, point in enumerate(messages[0].points):
        point.time_from_start.sec = 100 * i
        point.time_from_start.nanosec = 0
    assert reason(read_joints, messages[0], NAMES, H) == "dt"


def test_a_missing_stamp_is_refused(messages):
    messages[0].header.stamp = Time()
    assert reason(read_joints, messages[0], NAMES, H) == "stamp"


def test_a_base_that_leaves_the_plane_or_has_another_name_is_refused(messages):
    base = messages[1]
    base.points[2].velocities[0].linear.z = 0.1
    assert reason(read_base, base, H) == "shape"
    base.points[2].velocities[0].linear.z = 0.0
    base.points[4].velocities = []
    assert reason(read_base, base, H) == "shape"
    base.joint_names = ["torso"]
    assert reason(read_base, base, H) == "joint_names"


def test_a_prepared_chunk_is_the_same_message_also_when_the_layout_changes(ros):
    node = rclpy.create_node("chunks")
    publisher = ChunkPublisher(node)
    kinds = {CHUNK_JOINTS: JointTrajectory, CHUNK_BASE: MultiDOFJointTrajectory}
    subscriptions = {t: PolledSubscription(node, kind, t, chunk_qos()) for t, kind in kinds.items()}
    received = {t: [] for t in kinds}
    wait_until(lambda: all(node.count_subscribers(t) and node.count_publishers(t) for t in kinds), 5.0, "the topics")
    rng = np.random.default_rng(2)
    chunks = [
        chunk(),
        ActionChunk(STAMP + 1, DT, NAMES + BASE_NAMES, rng.normal(size=(H, 6))),
        ActionChunk(STAMP + 2, 0.04, NAMES[::-1] + BASE_NAMES, rng.normal(size=(H, 6))),
        ActionChunk(STAMP + 3, DT, NAMES[:2], rng.normal(size=(H, 2))),
    ]

    def arrived(sent: ActionChunk) -> bool:
        """Sent again until both ends know each other."""
        publisher.publish(sent)
        for t, subscription in subscriptions.items():
            received[t] += [deserialize_message(data, kinds[t]) for data in subscription.take()]
        wanted = [t for t in kinds if t == CHUNK_JOINTS or sent.base.size]
        return all(received[t] and received[t][-1].header.stamp == to_time(sent.stamp) for t in wanted)

    try:
        for sent in chunks:
            wait_until(lambda sent=sent: arrived(sent), 5.0, "the chunk")
            for t, expected in zip(kinds, chunk_to_messages(sent), strict=True):
                if expected.points:
                    assert received[t][-1] == expected
        assert received[CHUNK_BASE][-1].header.stamp == to_time(chunks[2].stamp), "a chunk without a base is no message on its topic"
    finally:
        node.destroy_node()


def foreseen(first: int = 5, steps: int = 9) -> tuple[Foreseen, Foreseen]:
    rng = np.random.default_rng(2)
    kinds = (NAMES, BASE_NAMES)
    return tuple(Foreseen(STAMP, first, DT, names, rng.normal(size=(steps, 3))) for names in kinds)  # type: ignore[return-value]


def plan_messages(*given: Foreseen) -> tuple[JointTrajectory, MultiDOFJointTrajectory]:
    written = joint_plan_message(given[0]), base_plan_message(given[1])
    return tuple(deserialize_message(serialize_message(m), type(m)) for m in written)  # type: ignore[return-value]


def test_what_is_foreseen_survives_the_wire_and_begins_at_its_first_step():
    joints, base = foreseen()
    messages = plan_messages(joints, base)
    assert [p.time_from_start.nanosec for p in messages[0].points[:2]] == [100_000_000, 120_000_000]
    for read, given in ((read_joint_plan(messages[0], NAMES, DT), joints), (read_base_plan(messages[1], DT), base)):
        assert (read.stamp, read.first, read.dt, read.names) == (given.stamp, given.first, given.dt, given.names)
        np.testing.assert_array_equal(read.values, given.values)
        np.testing.assert_array_equal(read.instants, given.instants)


def test_that_nothing_is_followed_survives_the_wire():
    messages = plan_messages(nothing(NAMES), nothing(BASE_NAMES))
    for read in (read_joint_plan(messages[0], NAMES, DT), read_base_plan(messages[1], DT)):
        assert read.stamp == 0 and read.values.shape == (0, 3)


def test_what_is_foreseen_on_another_grid_or_of_other_joints_is_refused():
    message, base = plan_messages(*foreseen())
    assert reason(read_joint_plan, message, NAMES, 0.03) == "dt"
    assert reason(read_joint_plan, message, ("a", "b", "d"), DT) == "joint_names"
    message.points[2].positions[0] = math.nan
    assert reason(read_joint_plan, message, NAMES, DT) == "non_finite"
    base.header.stamp = Time()
    assert reason(read_base_plan, base, DT) == "dt"


@pytest.mark.parametrize(("steps", "dt"), [(8, 0.1), (50, 0.02), (64, 0.01)])
def test_chunks_and_plans_of_any_horizon_survive_the_wire(steps: int, dt: float) -> None:
    sent = ActionChunk(STAMP, dt, NAMES + BASE_NAMES, np.random.default_rng(2).normal(size=(steps, 6)))
    joints, base = (deserialize_message(serialize_message(m), type(m)) for m in chunk_to_messages(sent))
    for half, values in ((read_joints(joints, NAMES, steps), sent.joints), (read_base(base, steps), sent.base)):
        np.testing.assert_array_equal(half.values, values)
        assert half.dt == pytest.approx(dt, abs=1e-9) and half.end == pytest.approx(sent.end, abs=100)
    foreseen = Foreseen(STAMP, 3, dt, NAMES, sent.joints[3:])
    told = joint_plan_message(foreseen)
    back = read_joint_plan(deserialize_message(serialize_message(told), type(told)), NAMES, dt)
    assert back.first == 3
    np.testing.assert_array_equal(back.values, foreseen.values)
