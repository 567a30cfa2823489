"""Unitree's bytes read and written by `struct`, and the checksum bit by bit: a second implementation, which shares nothing with the first.

CDR, little endian: a value of n bytes stands at a multiple of n after the header of four bytes, and nothing else is padded.
"""

from __future__ import annotations

import struct
from typing import Any

HEADER = b"\x00\x01\x00\x00"
MOTORS = 35
MOTOR_CMD = (("mode", "B", 1), *((name, "f", 1) for name in ("q", "dq", "tau", "kp", "kd")), ("reserve", "I", 1))
LOW_CMD = (("mode_pr", "B", 1), ("mode_machine", "B", 1), ("motor_cmd", MOTOR_CMD, MOTORS), ("reserve", "I", 4), ("crc", "I", 1))
IMU = (("quaternion", "f", 4), ("gyroscope", "f", 3), ("accelerometer", "f", 3), ("rpy", "f", 3), ("temperature", "h", 1))
MOTOR_STATE = (
    ("mode", "B", 1), *((name, "f", 1) for name in ("q", "dq", "ddq", "tau_est")), ("temperature", "h", 2), ("vol", "f", 1),
    ("sensor", "I", 2), ("motorstate", "I", 1), ("reserve", "I", 4),
)  # fmt: skip
LOW_STATE = (
    ("version", "I", 2), ("mode_pr", "B", 1), ("mode_machine", "B", 1), ("tick", "I", 1), ("imu_state", IMU, 1),
    ("motor_state", MOTOR_STATE, MOTORS), ("wireless_remote", "B", 40), ("reserve", "I", 4), ("crc", "I", 1),
)  # fmt: skip


def decode(data: bytes, layout: Any) -> dict[str, Any]:
    """A message's fields, structures as dictionaries."""
    assert data[:2] == HEADER[:2], data[:4].hex()
    fields, end = _fields(data[4:], layout, 0)
    assert 0 <= len(data) - 4 - end < 4, f"{len(data)} bytes, of which {end + 4} are known"
    return fields


def _fields(data: bytes, layout: Any, at: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    for name, kind, count in layout:
        values = []
        for _ in range(count):
            if isinstance(kind, tuple):
                value, at = _fields(data, kind, at)
            else:
                size = struct.calcsize(kind)
                at += -at % size
                (value,), at = struct.unpack_from("<" + kind, data, at), at + size
            values.append(value)
        found[name] = values if count > 1 else values[0]
    return found, at


def c_struct(data: bytes, layout: Any) -> bytes:
    """A message as the C struct that its checksum is made over, without the checksum: every structure begins and ends at a whole word."""
    out = bytearray()

    def put(fields: dict[str, Any], kinds: Any) -> None:
        for name, kind, count in kinds:
            for value in fields[name] if count > 1 else [fields[name]]:
                if isinstance(kind, tuple):
                    out.extend(bytes(-len(out) % 4))
                    put(value, kind)
                    out.extend(bytes(-len(out) % 4))
                else:
                    out.extend(bytes(-len(out) % struct.calcsize(kind)))
                    out.extend(struct.pack("<" + kind, value))

    put(decode(data, layout), layout)
    return bytes(out[:-4])


def crc(words: bytes) -> int:
    """CRC-32, polynomial 0x04C11DB7, most significant bit first, from 0xFFFFFFFF, over little-endian words."""
    value = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", words):
        for bit in range(31, -1, -1):
            top = (value >> 31) ^ (word >> bit & 1)
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if top else 0)
    return value


def low_cmd(weight: float, q: Any, kp: float, kd: float, mode_machine: int, wrong: int = 0) -> bytes:
    """A message for rt/arm_sdk: (29,) positions [rad], and the same gains for all; `wrong` spoils the checksum."""
    out = bytearray(struct.pack("<BB", 0, mode_machine))
    for place in range(MOTORS):
        position = q[place] if place < len(q) else weight if place == 29 else 0.0
        out += struct.pack("<B", 1)
        out += bytes(-len(out) % 4)
        out += struct.pack("<5fI", position, 0.0, 0.0, kp, kd, 0)
    out += struct.pack("<5I", 0, 0, 0, 0, 0)
    data = HEADER + bytes(out)
    return data[:-4] + struct.pack("<I", crc(c_struct(data, LOW_CMD)) ^ wrong)
