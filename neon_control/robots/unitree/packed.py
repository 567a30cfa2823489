"""LowCmd and LowState as tables of numbers that are kept, and put on the wire whole.

Setting the 35 motors of a message object one by one, and having it serialised, costs 1.3 ms. So a message is one numpy record in the memory
layout of Unitree's C struct, which the checksum is defined on, and only what changes is written into it.

On the wire (CDR, little endian) the same bytes stand in the same order, but for one place: there a byte is not padded in front of it. The
first motor's `mode`, which in the C struct begins a new word, follows its predecessor at once; behind it both are aligned again.

    C struct    ... a b . . M . . . q q q q ...
    CDR         ... a b M . q q q q ...
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import NeonControlError
from neon_control.robots.unitree.crc import crc32
from neon_control.robots.unitree.motors import MOTORS

CDR_HEADER = b"\x00\x01\x00\x00"  # plain CDR, little endian
_LITTLE_ENDIAN = (b"\x00\x01", b"\x00\x07")  # XCDR 1 and 2, which differ in nothing that these messages have


class WireError(NeonControlError):
    """Bytes that are no message of their topic."""


_MOTOR_CMD = np.dtype([("mode", "u1"), *((name, "<f4") for name in ("q", "dq", "tau", "kp", "kd")), ("reserve", "<u4")], align=True)
_MOTOR_STATE = np.dtype(
    [
        ("mode", "u1"),
        *((name, "<f4") for name in ("q", "dq", "ddq", "tau_est")),
        ("temperature", "<i2", 2),
        ("vol", "<f4"),
        ("sensor", "<u4", 2),
        ("motorstate", "<u4"),
        ("reserve", "<u4", 4),
    ],
    align=True,
)
_IMU = np.dtype(
    [("quaternion", "<f4", 4), ("gyroscope", "<f4", 3), ("accelerometer", "<f4", 3), ("rpy", "<f4", 3), ("temperature", "<i2")], align=True
)
_TAIL = [("reserve", "<u4", 4), ("crc", "<u4")]
_LOW_CMD = np.dtype([("mode_pr", "u1"), ("mode_machine", "u1"), ("motor_cmd", _MOTOR_CMD, MOTORS), *_TAIL], align=True)
_LOW_STATE = np.dtype(
    [
        ("version", "<u4", 2),
        ("mode_pr", "u1"),
        ("mode_machine", "u1"),
        ("tick", "<u4"),
        ("imu_state", _IMU),
        ("motor_state", _MOTOR_STATE, MOTORS),
        ("wireless_remote", "u1", 40),
        *_TAIL,
    ],
    align=True,
)


@dataclass(frozen=True)
class Layout:
    """One type of message.

    Args:
        kind: its fields, in the C struct's layout.
        gap: the place in the C struct where the two bytes begin that CDR leaves out.
    """

    kind: np.dtype
    gap: int

    def make(self) -> Packed:
        """A message of zeros."""
        return Packed(self, bytearray(self.kind.itemsize))

    def read(self, data: bytes) -> Packed:
        """A message from the wire; WireError for bytes that are none. Its checksum is not looked at."""
        needed = len(CDR_HEADER) + self.kind.itemsize - 4
        if len(data) < needed or data[:2] not in _LITTLE_ENDIAN:
            raise WireError(f"needs {needed} bytes of little-endian CDR, got {len(data)} that begin with {bytes(data[:2]).hex()}")
        begin = len(CDR_HEADER)
        gap = begin + self.gap
        body = b"".join((data[begin:gap], b"\0\0", data[gap : gap + 1], b"\0\0\0", data[gap + 2 : needed]))
        return Packed(self, bytearray(body))


class Packed:
    """A message: `fields` is a numpy record, whose views may be kept and written to.

    command = LOW_CMD.make()
    q = command.fields["motor_cmd"]["q"]  # (35,)
    q[15:22] = left_arm
    writer.write(command.to_wire())
    """

    def __init__(self, layout: Layout, memory: bytearray) -> None:
        self._layout, self._memory = layout, memory
        self._words = memoryview(memory)[:-4]
        self.fields = np.frombuffer(memory, layout.kind)[0]

    @property
    def crc(self) -> int:
        """The checksum that it should have."""
        return crc32(self._words)

    @property
    def crc_is_right(self) -> bool:
        """Whether it has that one."""
        return bool(self.fields["crc"] == self.crc)

    def to_wire(self, crc: int | None = None) -> bytes:
        """The bytes of the message, its checksum computed, or `crc` in its place."""
        memory, gap = self._memory, self._layout.gap
        memory[-4:] = (self.crc if crc is None else crc).to_bytes(4, "little")
        return b"".join((CDR_HEADER, memory[:gap], memory[gap + 2 : gap + 3], b"\0", memory[gap + 6 :]))


LOW_CMD = Layout(_LOW_CMD, 2)
LOW_STATE = Layout(_LOW_STATE, 70)
