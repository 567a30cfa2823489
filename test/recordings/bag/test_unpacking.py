"""Compressed parts of bags: unpacked whole where a recording can be meant, and no further."""

from __future__ import annotations

import io
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from neon_control.recordings.bag.unpacking import BLOCK, FREE, unpack_file, unpack_lz4, unpack_zstd

CONTENT = bytes(range(256)) * 100


def bomb(told: bool) -> bytes:
    """A few kB that become a block more than is unpacked in any case."""
    target = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(target, size=FREE + BLOCK if told else -1, closefd=False) as stream:
        for _ in range(FREE // BLOCK + 1):
            stream.write(bytes(BLOCK))
    return target.getvalue()


def test_what_was_packed_is_unpacked() -> None:
    assert unpack_zstd(zstandard.compress(CONTENT)) == CONTENT
    stream = zstandard.ZstdCompressor(write_content_size=False)
    assert unpack_zstd(stream.compress(CONTENT), len(CONTENT)) == CONTENT
    assert unpack_lz4(lz4.frame.compress(CONTENT), len(CONTENT)) == CONTENT


def test_a_few_kilobytes_do_not_become_gigabytes() -> None:
    packed = bomb(told=True)
    assert len(packed) < 30_000
    with pytest.raises(ValueError, match=f"would become {FREE + BLOCK}, at most {FREE} are unpacked"):
        unpack_zstd(packed)
    with pytest.raises(ValueError, match=f"would become {1 << 40}, at most"):
        unpack_zstd(bomb(told=False), 1 << 40)
    with pytest.raises(zstandard.ZstdError):  # it becomes more than was said
        unpack_zstd(bomb(told=False), 1000)
    with pytest.raises(ValueError, match="more than the 1000 bytes"):
        unpack_lz4(lz4.frame.compress(bytes(10_000_000)), 1000)
    with pytest.raises(ValueError, match="would become"):
        unpack_lz4(lz4.frame.compress(CONTENT), 1 << 40)


def test_a_file_is_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    packed, plain = tmp_path / "packed", tmp_path / "plain"
    packed.write_bytes(2 * zstandard.compress(CONTENT))
    unpack_file(packed, plain)
    assert plain.read_bytes() == 2 * CONTENT
    packed.write_bytes(bomb(told=False))
    with pytest.raises(ValueError, match=f"become more than {FREE}"):
        unpack_file(packed, plain)
    assert plain.stat().st_size == FREE
