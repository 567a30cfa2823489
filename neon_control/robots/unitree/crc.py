"""The checksum of Unitree's messages: CRC-32, polynomial 0x04C11DB7, initial 0xFFFFFFFF, most significant bit first, no final xor.

It runs over little-endian words of 32 bits, each beginning with its highest bit. zlib computes the same polynomial from the lowest bit of
each byte on: so the bytes of each word are turned round, and the bits of each byte, and of the result. A loop of Python's own over the bits
would take longer than the message has time.
"""

from __future__ import annotations

import zlib

import numpy as np

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32(words: bytes | bytearray | memoryview) -> int:
    """The checksum of little-endian words of four bytes."""
    turned = np.frombuffer(words, "<u4").byteswap().tobytes().translate(_REVERSED)
    plain = zlib.crc32(turned) ^ 0xFFFFFFFF
    return int.from_bytes(plain.to_bytes(4, "little").translate(_REVERSED), "big")
