"""Sizes and claims, before anything is made of a message."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Int16MultiArray, MultiArrayDimension, MultiArrayLayout

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.nodes.chunk_messages import chunk_to_messages
from neon_control.nodes.wire_sizes import AUDIO_BYTES, JOINT_STATE_NAMES, check_audio, check_chunk, check_joint_state

HEAD = b"\x00\x01\x00\x00" + bytes(8)  # little endian, and a stamp


def chunk(joints: int, steps: int, frame: str = "") -> tuple[bytes, bytes]:
    names = tuple(f"a_joint_with_a_long_name_{i}" for i in range(joints)) + BASE_NAMES
    messages = chunk_to_messages(ActionChunk(1, 0.02, names, np.zeros((steps, joints + 3))), frame)
    return serialize_message(messages[0]), serialize_message(messages[1])


@given(st.integers(1, 128), st.integers(2, 40), st.text("abc", max_size=40))
def test_every_chunk_of_the_agreed_length_passes(joints: int, steps: int, frame: str) -> None:
    arm, base = chunk(joints, steps, frame)
    check_chunk(arm, joints, steps)
    check_chunk(base, 1, steps)
    check_chunk(arm, max(1, joints - 16), steps)  # joints that are not commanded here: who reads them says which
    for data in (arm, base):
        with pytest.raises(ChunkError) as error:
            check_chunk(data, joints, steps + 1)
        assert error.value.reason == "length"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HEAD + bytes(8) + struct.pack("<I", 8_000_000) + bytes(8 * 2**20), "size"),  # 3 s and 971 MB, before
        (HEAD + bytes(8) + struct.pack("<I", 8_000_000) + bytes(1000), "length"),
        (HEAD + bytes(4) + struct.pack("<I", 8_000_000) + bytes(1000), "joint_names"),
        (HEAD + struct.pack("<I", 2**32 - 1) + bytes(1000), "malformed"),
        (b"", "malformed"),
        (HEAD, "malformed"),
        (b"\x00\x00\x00\x00" + bytes(16) + struct.pack(">I", 8_000_000) + bytes(1000), "length"),  # big endian
    ],
    ids=["8 MiB", "points", "names", "frame", "empty", "header", "big endian"],
)
def test_claims_are_refused_before_room_is_made_for_them(data: bytes, reason: str) -> None:
    with pytest.raises(ChunkError) as error:
        check_chunk(data, 17, 16)
    assert error.value.reason == reason


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_passed(data: bytes) -> None:
    for check in (lambda: check_chunk(data, 2, 2), lambda: check_joint_state(data), lambda: check_audio(data, "std_msgs/Int16MultiArray")):
        with contextlib.suppress(ChunkError, ObservationError):
            check()


def test_joint_states_of_many_joints_pass_and_claims_do_not() -> None:
    names = [f"joint_{i}" for i in range(JOINT_STATE_NAMES)]
    check_joint_state(serialize_message(JointState(name=names, position=[0.0] * len(names))))
    with pytest.raises(ObservationError, match="claims 60000 joints, at most 512"):
        check_joint_state(HEAD + struct.pack("<II", 0, 60000) + bytes(60000))
    with pytest.raises(ObservationError, match="of 8388608 bytes, at most"):
        check_joint_state(bytes(8 * 2**20))


def test_sound_with_more_dimensions_than_sound_has_is_refused() -> None:
    kind = "std_msgs/Int16MultiArray"
    layout = MultiArrayLayout(dim=[MultiArrayDimension(label="channels", size=2, stride=2)])
    check_audio(serialize_message(Int16MultiArray(layout=layout, data=[0] * 48000)), kind)
    check_audio(struct.pack("<4sI", b"\x00\x01\x00\x00", 8_000_000), "audio_common_msgs/AudioData")  # it has none
    with pytest.raises(ObservationError, match="8000000 dimensions, at most 16"):
        check_audio(struct.pack("<4sI", b"\x00\x01\x00\x00", 8_000_000), kind)
    with pytest.raises(ObservationError, match="bytes, at most"):
        check_audio(bytes(AUDIO_BYTES + 1), kind)
