"""Joint states read as bytes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from neon_control.core.common.errors import ObservationError
from neon_control.nodes import joint_state_reader as module
from neon_control.nodes.joint_state_reader import BURST, CONVERSIONS, LAYOUTS, JointStateReader


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


def conversions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that are converted in full from now on."""
    converted: list[bytes] = []
    convert = module.deserialize_message

    def count(data: bytes, kind: type) -> object:
        converted.append(data)
        return convert(data, kind)

    monkeypatch.setattr(module, "deserialize_message", count)
    return converted


def test_drivers_in_alternation_cost_one_conversion_each(monkeypatch):
    """The wound: one layout was remembered, so two drivers in turn cost a conversion a message."""
    converted, reader = conversions(monkeypatch), JointStateReader()
    drivers = [["left_a", "left_b"], ["right_a", "right_b"], ["right_b", "right_a"], ["gripper"]]
    for number in range(50):
        for names in drivers:
            stamp, read, values = reader.read(joint_state(names, [float(number)] * len(names), (number, 1)))
            assert (stamp, list(read), values.tolist()) == (number * 10**9 + 1, names, [float(number)] * len(names))
    assert len(converted) == len(drivers)


def test_a_driver_that_reports_velocities_alone_is_converted_once(monkeypatch):
    converted, reader = conversions(monkeypatch), JointStateReader()
    for _ in range(20):
        assert reader.read(joint_state(["wheel"], [], velocity=[1.0]))[2].tolist() == []
    assert len(converted) == 1


def test_names_that_never_repeat_are_refused_and_push_out_no_driver(monkeypatch):
    converted, reader = conversions(monkeypatch), JointStateReader()
    for number in range(3):
        reader.read(joint_state(["a", "b"], [1.0, 2.0], (number, 0)))
    start, refused = time.monotonic(), 0
    for number in range(LAYOUTS + 200):
        try:
            reader.read(joint_state([f"x{number}", "b"], [1.0, 2.0]))
        except ObservationError as error:
            refused += 1
            assert "names that were never there before" in str(error)
    spent = time.monotonic() - start
    assert len(converted) <= 1 + BURST + CONVERSIONS * spent + 1 and refused > 0
    before = len(converted)
    assert reader.read(joint_state(["a", "b"], [3.0, 4.0]))[2].tolist() == [3.0, 4.0]
    assert len(converted) == before


def test_a_message_that_claims_too_much_is_never_converted(monkeypatch):
    converted, reader = conversions(monkeypatch), JointStateReader()
    claims = bytearray(joint_state(["a"], [0.0]) + bytes(60000))
    claims[20:24] = (60000).to_bytes(4, "little")  # how many names
    for data, text in ((bytes(claims), "claims 60000 joints"), (bytes(claims) * 3, "bytes, at most")):
        with pytest.raises(ObservationError, match=text):
            reader.read(data)
    assert converted == []
