"""What a serialised message claims to hold, read before anything is made of it.

A sequence begins with its length, and whoever reads it makes room for that many elements first: 8 MiB that claim 8 million trajectory
points cost 3 s and 971 MB before the first of them turned out to be missing, and no other thread of the process ran meanwhile.
"""

from __future__ import annotations

import struct

from neon_control.core.common.errors import ChunkError, ObservationError

CDR_HEADER = 4  # [bytes] before the message; alignment counts from its end
JOINT_STATE_BYTES, JOINT_STATE_NAMES = 65536, 512  # the most; a humanoid with two hands has some 70 joints, in 4 kB
NAME_BYTES = 256  # of one joint, on average
FOREIGN_NAMES = 16  # joints in a chunk that are not commanded here, so that they can still be named
AUDIO_BYTES, AUDIO_DIMENSIONS = 4 * 2**20, 16  # the most in one message: 10 s of two float channels at 48 kHz


class _Walk:
    """A place in serialised bytes; all that it passes are strings and 4-byte numbers. struct.error: they end too soon."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._number = struct.Struct("<I" if data[1:2] == b"\x01" else ">I")

    def number(self) -> int:
        """The next unsigned number."""
        value: int = self._number.unpack_from(self._data, self._place)[0]
        self._place += 4
        return value

    def skip_text(self) -> None:
        """Pass a string and its padding."""
        length = self.number()
        self._place += length + -length % 4


def check_joint_state(data: bytes) -> None:
    """ObservationError for a JointState that is too large to be read between two commands."""
    walk = _Walk(data, CDR_HEADER + 8)
    if len(data) > JOINT_STATE_BYTES:
        raise ObservationError(f"joint_states: a message of {len(data)} bytes, at most {JOINT_STATE_BYTES} are read", ("joint_states",))
    try:
        walk.skip_text()
        names = walk.number()
    except struct.error as error:
        raise ObservationError(f"joint_states: {len(data)} bytes that are no JointState", ("joint_states",)) from error
    if names > JOINT_STATE_NAMES:
        text = f"joint_states: a message of {len(data)} bytes claims {names} joints, at most {JOINT_STATE_NAMES} are read"
        raise ObservationError(text, ("joint_states",))


def check_chunk(data: bytes, joints: int, steps: int) -> None:
    """ChunkError for a trajectory, of joints or of the base, that claims more than `steps` points of `joints` numbers each can need."""
    names = joints + FOREIGN_NAMES
    most = 1024 + names * NAME_BYTES + steps * (256 + 4 * 8 * names)  # [bytes] a point has up to four numbers a joint, or three for a base
    if len(data) > most:
        raise ChunkError("size", f"a message of {len(data)} bytes, {steps} points for {joints} joints need at most {most}")
    walk = _Walk(data, CDR_HEADER + 8)
    try:
        walk.skip_text()
        claimed = walk.number()
        if claimed > names:
            raise ChunkError("joint_names", f"{claimed} joint names, needs {joints}")
        for _ in range(claimed):
            walk.skip_text()
        points = walk.number()
    except struct.error as error:
        raise ChunkError("malformed", f"{len(data)} bytes that are no trajectory") from error
    if points != steps:
        raise ChunkError("length", f"{points} points, needs {steps}")


def check_audio(data: bytes, kind: str) -> None:
    """ObservationError for a message of the audio type `kind` that is too large, or has more dimensions than sound can have."""
    if len(data) > AUDIO_BYTES:
        raise ObservationError(f"audio: a message of {len(data)} bytes, at most {AUDIO_BYTES} are read", ("audio",))
    if "MultiArray" not in kind:
        return
    try:
        dimensions = _Walk(data, CDR_HEADER).number()
    except struct.error as error:
        raise ObservationError(f"audio: {len(data)} bytes that are no {kind}", ("audio",)) from error
    if dimensions > AUDIO_DIMENSIONS:
        raise ObservationError(f"audio: {dimensions} dimensions, at most {AUDIO_DIMENSIONS} are read", ("audio",))
