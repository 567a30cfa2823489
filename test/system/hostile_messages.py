"""Serialised messages that claim more than they hold."""

from __future__ import annotations

import struct

BIG = 8 * 2**20  # [bytes]
EMPTY = struct.pack("<I", 1) + bytes(4)  # a text without a letter, and its padding
HEAD = struct.pack("<4siI", b"\0\1\0\0", 1, 0) + EMPTY  # little endian, a stamp and no frame


def claims(size: int, count: int) -> bytes:
    """A message of `size` bytes that claims `count` elements in its second sequence, after no names."""
    return (HEAD + struct.pack("<II", 0, count)).ljust(size, b"\0")


def image_claims(length: int, there: int) -> bytes:
    """An rgb8 image of one pixel that claims `length` bytes of data, and has `there`."""
    return HEAD + struct.pack("<3I8s2I", 1, 1, 5, b"rgb8", 3, length) + bytes(there)
