"""The checksum of Unitree's messages."""

from __future__ import annotations

import struct

import pytest

from neon_control.robots.unitree.crc import crc32

POLYNOMIAL = 0x04C11DB7
# Seed of the words, how many, checksum: computed by `bitwise`, not by the code under test.
VECTORS = [
    (0, 0, 0xFFFFFFFF),
    (0, 1, 0xD9C50CA4),
    (1, 1, 0x2D9A6DBC),
    (2, 1, 0x44F9B8AC),
    (7, 2, 0x7A16A4BC),
    (11, 3, 0x0F195615),
    (12, 4, 0x4A332BC7),
    (13, 5, 0xB0306827),
    (14, 7, 0x996BF61F),
    (15, 16, 0x59533FB6),
    (16, 31, 0xC6CD477A),
    (17, 64, 0x0F7EE1AE),
    (18, 100, 0xBB776230),
    (19, 128, 0x2015D6D9),
    (20, 249, 0xC5D71A72),
    (21, 250, 0x2EE8C7A8),
    (22, 250, 0x2F00F9B7),
    (23, 250, 0x236B8550),
    (24, 522, 0x65D78B6C),
    (25, 522, 0x0A224449),
]


def words(seed: int, count: int) -> list[int]:
    """Words of 32 bits of a linear congruential generator."""
    values = []
    for _ in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        values.append(seed)
    return values


def bitwise(values: list[int]) -> int:
    """The checksum as it is defined: one bit after the other, the highest of each word first."""
    crc = 0xFFFFFFFF
    for value in values:
        for bit in range(31, -1, -1):
            out = (crc >> 31) ^ (value >> bit & 1)
            crc = (crc << 1 & 0xFFFFFFFF) ^ (POLYNOMIAL if out else 0)
    return crc


@pytest.mark.parametrize(("seed", "count", "crc"), VECTORS)
def test_equals_the_definition(seed: int, count: int, crc: int) -> None:
    values = words(seed, count)

    assert crc32(struct.pack(f"<{count}I", *values)) == crc == bitwise(values)


def test_the_vectors_are_twenty() -> None:
    assert len({row[:2] for row in VECTORS}) == 20
