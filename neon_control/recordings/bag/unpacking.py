"""Compressed parts of a bag, unpacked only as far as a recording can be meant: 65 kB may stand for gigabytes."""

from __future__ import annotations

from pathlib import Path

import lz4.frame
import zstandard

FREE, RATIO = 256 << 20, 100  # what is unpacked in any case [bytes], and how many times its size beyond that; cameras' images give 1 to 3
MOST = 1 << 30  # [bytes] of what has to be in memory at once
BLOCK = 1 << 20  # [bytes]


def unpack_zstd(packed: bytes, size: int = 0) -> bytes:
    """One zstd frame in memory; `size` [bytes] is what it should become, where the frame itself does not say it.

    Raises:
        ValueError: it would become too large.
        zstandard.ZstdError: it is damaged, or nobody says how large it becomes.
    """
    told = zstandard.frame_content_size(packed)
    _check_size(len(packed), size if told < 0 else told)
    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)


def unpack_lz4(packed: bytes, size: int) -> bytes:
    """One lz4 frame in memory, which becomes `size` [bytes].

    Raises:
        ValueError: it is another size, or would become too large.
        RuntimeError: it is damaged.
    """
    _check_size(len(packed), size)
    content: bytes = lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=size + 1)
    if len(content) != size:
        raise ValueError(f"it is {'more' if len(content) > size else 'less'} than the {size} bytes that it should become")
    return content


def unpack_file(packed: Path, plain: Path) -> None:
    """A file of zstd frames; where an error is raised, `plain` has what comes before it.

    Raises:
        ValueError: it becomes too large.
        zstandard.ZstdError: it is damaged.
    """
    limit, written = max(FREE, RATIO * packed.stat().st_size), 0
    with packed.open("rb") as source, plain.open("wb") as target:
        stream = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        while block := stream.read(BLOCK):
            written += len(block)
            if written > limit:
                raise ValueError(f"its {packed.stat().st_size} bytes become more than {limit}")
            target.write(block)


def _check_size(packed: int, size: int) -> None:
    limit = min(MOST, max(FREE, RATIO * packed))
    if size > limit:
        raise ValueError(f"its {packed} bytes would become {size}, at most {limit} are unpacked")
