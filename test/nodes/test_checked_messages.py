"""Every type that is subscribed to: a real message survives, and what claims too much is refused before it becomes one."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from hypothesis import given
from hypothesis import strategies as st
from nav_msgs.msg import Odometry
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float32MultiArray, Float64MultiArray, Int16MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint, MultiDOFJointTrajectory, MultiDOFJointTrajectoryPoint

from neon_control.core.common.errors import ObservationError
from neon_control.nodes import checked_messages
from neon_control.nodes.checked_messages import read_message, type_name
from neon_control.runtime.decoding.audio_blocks import READERS

MESSAGES: list[Any] = [
    JointState(name=["a", "b"], position=[1.0, 2.0]),
    JointTrajectory(joint_names=["a"], points=[JointTrajectoryPoint(positions=[1.0])] * 64),
    MultiDOFJointTrajectory(joint_names=["base"], points=[MultiDOFJointTrajectoryPoint()] * 16),
    DiagnosticArray(status=[DiagnosticStatus(name="n", message="m", values=[KeyValue(key="k", value="v")] * 100)] * 20),
    Int16MultiArray(data=[1, 2] * 16000),
    Float32MultiArray(data=[0.5] * 48000),
    Float64MultiArray(data=[1.0] * 128),
    Odometry(child_frame_id="base"),
    TwistStamped(),
]
HEAD = struct.pack("<4s2I2I", b"\0\1\0\0", 1, 0, 1, 0)  # a stamp, and no frame
BIG = bytes(2**20)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_real_message_survives(message: Any) -> None:
    assert read_message(serialize_message(message), type(message)) == message


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (JointState, HEAD + struct.pack("<I", 10**6) + bytes(60000), "claims 1000000 joints, at most 512"),
        (JointTrajectory, HEAD + struct.pack("<2I", 0, 10**6) + BIG[:-100], "claims 1000000 points, at most 2048"),
        (MultiDOFJointTrajectory, HEAD + struct.pack("<I", 10**6) + BIG[:-100], "claims 1000000 joints, at most 512"),
        (MultiDOFJointTrajectory, HEAD + BIG, "bytes, at most 1048576"),
        (DiagnosticArray, HEAD + struct.pack("<I", 10**5) + bytes(10**5), "claims 100000 statuses, at most 512"),
        (DiagnosticArray, BIG, "a message of 1048576 bytes, at most 262144"),
        (Int16MultiArray, struct.pack("<4sI", b"\0\1\0\0", 10**6) + BIG, "1000000 dimensions, at most 16"),
        (Float64MultiArray, BIG, "a message of 1048576 bytes, at most 65536"),
        (Odometry, BIG, "nav_msgs/Odometry: a message of 1048576 bytes, at most 65536"),
        (JointTrajectory, b"\0\1\0\0nonsense", "12 bytes that are no trajectory_msgs/JointTrajectory"),
        (Odometry, b"\0\1\0\0nonsense", "12 bytes that are no nav_msgs/Odometry"),
    ],
)
def test_what_claims_too_much_is_refused_with_the_reason(kind: type, data: bytes, text: str) -> None:
    with pytest.raises(ObservationError, match=text):
        read_message(data, kind)


def test_each_type_of_sound_is_allowed_as_much_as_sound_needs() -> None:
    assert {name for name, check in checked_messages._CHECKS.items() if check is checked_messages.check_audio} == set(READERS)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_become_a_message(data: bytes) -> None:
    for kind in (Image, CompressedImage, *map(type, MESSAGES)):
        with contextlib.suppress(ObservationError):
            read_message(b"\0\1\0\0" + data, kind)
    assert type_name(Image) == "sensor_msgs/Image"
