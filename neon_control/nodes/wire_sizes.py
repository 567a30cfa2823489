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
AUDIO_BYTES, ARRAY_DIMENSIONS = 4 * 2**20, 16  # the most in one message: 10 s of two float channels at 48 kHz
TRAJECTORY_BYTES, TRAJECTORY_POINTS = 2**20, 2048  # the most on a controller's topic; ours have some fifty points
TARGET_POINTS = 64  # the most in a trajectory of a person's targets
DIAGNOSTICS_BYTES, DIAGNOSTICS_STATUSES = 2**18, 512  # the most in one message; all our nodes together send 10 kB
OTHER_BYTES = 65536  # the most in a message that holds a few numbers or a line of text: odometry, a twist, set points


class Walk:
    """A place in serialised bytes; all that it passes are strings, 4-byte numbers and single bytes. struct.error: they end too soon."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        self._number = struct.Struct("<I" if data[1:2] == b"\x01" else ">I")

    def number(self) -> int:
        """The next unsigned number."""
        self._place += -self._place % 4
        value: int = self._number.unpack_from(self._data, self._place)[0]
        self._place += 4
        return value

    def skip_text(self) -> None:
        """Pass a string and its padding."""
        length = self.number()  # which moves the place
        self._place += length

    def byte(self) -> int:
        """The next byte."""
        value: int = struct.unpack_from("B", self._data, self._place)[0]
        self._place += 1
        return value

    def text(self) -> str:
        """The next string; what is not UTF-8 in it is replaced."""
        length = self.number()
        self._place += length
        return self._data[self._place - length : self._place].rstrip(b"\0").decode(errors="replace")

    def rest(self) -> memoryview:
        """A sequence of bytes, whose length comes first; ValueError where there are fewer."""
        length = self.number()
        rest = memoryview(self._data)[self._place :]
        if len(rest) < length:
            raise ValueError(f"{length} bytes of data are claimed, {len(rest)} are there")
        return rest[:length]


def check_size(data: bytes, most: int, topic: str) -> None:
    """ObservationError for a message of more than `most` bytes."""
    if len(data) > most:
        raise ObservationError(f"{topic}: a message of {len(data)} bytes, at most {most} are read", (topic,))


def _claims(topic: str, data: bytes, kind: str, *counts: tuple[str, int]) -> None:
    """ObservationError unless the message, stamped, holds sequences of at most so many elements; all but the last one are of texts."""
    walk = Walk(data, CDR_HEADER + 8)
    try:
        walk.skip_text()
        for number, (what, most) in enumerate(counts):
            claimed = walk.number()
            if claimed > most:
                text = f"{topic}: a message of {len(data)} bytes claims {claimed} {what}, at most {most} are read"
                raise ObservationError(text, (topic,))
            if number < len(counts) - 1:
                for _ in range(claimed):
                    walk.skip_text()
    except struct.error as error:
        raise ObservationError(f"{topic}: {len(data)} bytes that are no {kind}", (topic,)) from error


def check_joint_state(data: bytes, kind: str = "sensor_msgs/JointState") -> None:
    """ObservationError for a JointState that is too large to be read between two commands."""
    check_size(data, JOINT_STATE_BYTES, "joint_states")
    _claims("joint_states", data, kind, ("joints", JOINT_STATE_NAMES))


def check_trajectory(data: bytes, kind: str) -> None:
    """ObservationError for a trajectory, of joints or of a base, that is too large to be shown."""
    check_size(data, TRAJECTORY_BYTES, kind)
    _claims("trajectory", data, kind, ("joints", JOINT_STATE_NAMES), ("points", TRAJECTORY_POINTS))


def check_targets(data: bytes, topic: str) -> None:
    """ObservationError for a trajectory of a person's targets that is too large to be read between two commands."""
    check_size(data, OTHER_BYTES, topic)
    _claims(topic, data, "trajectory_msgs/JointTrajectory", ("joints", JOINT_STATE_NAMES), ("points", TARGET_POINTS))


def check_diagnostics(data: bytes, kind: str = "diagnostic_msgs/DiagnosticArray") -> None:
    """ObservationError for a DiagnosticArray that is too large to be read once a second."""
    check_size(data, DIAGNOSTICS_BYTES, "diagnostics")
    _claims("diagnostics", data, kind, ("statuses", DIAGNOSTICS_STATUSES))


def check_chunk(data: bytes, joints: int, steps: int) -> None:
    """ChunkError for a trajectory, of joints or of the base, that claims more than `steps` points of `joints` numbers each can need."""
    names = joints + FOREIGN_NAMES
    most = 1024 + names * NAME_BYTES + steps * (256 + 4 * 8 * names)  # [bytes] a point has up to four numbers a joint, or three for a base
    if len(data) > most:
        raise ChunkError("size", f"a message of {len(data)} bytes, {steps} points for {joints} joints need at most {most}")
    walk = Walk(data, CDR_HEADER + 8)
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
        raise ChunkError("length", f"{points} points, needs {steps}: `chunk_steps` has to be that of the policy")


def check_audio(data: bytes, kind: str) -> None:
    """ObservationError for a message of the audio type `kind` that is too large, or has more dimensions than sound can have."""
    check_size(data, AUDIO_BYTES, "audio")
    if "MultiArray" in kind:
        _check_dimensions(data, "audio", kind)


def check_array(data: bytes, kind: str) -> None:
    """ObservationError for a std_msgs array that is too large for set points."""
    check_size(data, OTHER_BYTES, kind)
    _check_dimensions(data, kind, kind)


def _check_dimensions(data: bytes, topic: str, kind: str) -> None:
    try:
        dimensions = Walk(data, CDR_HEADER).number()
    except struct.error as error:
        raise ObservationError(f"{topic}: {len(data)} bytes that are no {kind}", (topic,)) from error
    if dimensions > ARRAY_DIMENSIONS:
        raise ObservationError(f"{topic}: {dimensions} dimensions, at most {ARRAY_DIMENSIONS} are read", (topic,))
