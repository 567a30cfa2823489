"""Samples that are too many for memory lie on a disk, mapped, and stay out of memory while nobody looks at them.

What is mapped is the system's to take back, but it takes it late: a process that has looked at everything once would be as large as if it
held everything. So whoever has looked lets go. The pages stay in the system's cache as long as nobody else needs the memory.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError

SPILL = 512 << 20  # [bytes] of one array, of which more is kept on disk; every batch reads some 8 MB of it


class Spill:
    """Arrays on the disk of a folder, in files without a name that go when they are let go of; without a folder, in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._maps = folder, list[mmap.mmap]()

    def room(self, shape: Sequence[int]) -> np.ndarray:
        """An array of float32, to be filled.

        Raises:
            ConfigError: the disk is full.
        """
        size = 4 * int(np.prod(shape))
        if self._folder is None or size <= SPILL:
            return np.empty(shape, np.float32)
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk is said here, not by a signal
                rows = np.memmap(file, np.float32, "r+", shape=tuple(shape))
        except OSError as error:
            raise ConfigError(f"{size / 1e9:.1f} GB of features do not fit on the disk of {self._folder}: {error.strerror}") from error
        if (mapped := _map_of(rows)) is not None:
            # Batches are rows from anywhere. For each, the system would map the megabytes around it, too: 350 MB for 512 rows of 16 KB.
            mapped.madvise(mmap.MADV_RANDOM)
            self._maps.append(mapped)
        return rows

    def let_go(self) -> None:
        """Give back the memory of all that was looked at."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)


def let_go(array: np.ndarray) -> None:
    """The same of an array that is mapped from a file, if it is."""
    mapped = _map_of(array)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)  # which of a file's pages, unlike of memory of one's own, loses nothing


def _map_of(array: np.ndarray) -> mmap.mmap | None:
    """None where it is in memory."""
    below: object = array
    while isinstance(below, np.ndarray):
        below = below.base
    return below if isinstance(below, mmap.mmap) else None
