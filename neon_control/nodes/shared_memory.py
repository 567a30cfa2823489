"""Gives back the shared memory of processes that were killed.

Fast DDS never does: each process that ends without a goodbye leaves its segment for good, 17.6 MB with `config/fastdds.xml`, and a node
that is started again after each crash fills the memory. A living owner holds a lock on the file beside its segment, which tells the dead.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
YOUNG = 60.0  # [s] the owner of a younger lock file may be about to take the lock


def remove_dead_segments(folder: Path = SHARED_MEMORY) -> list[str]:
    """Remove the segments of Fast DDS whose owners are gone, as `fastdds shm clean` does; the names of those that were there."""
    removed = []
    for lock in folder.glob("fastdds_????????????????_el"):
        segment = lock.with_name(lock.name.removesuffix("_el"))
        try:
            if time.time() - lock.stat().st_mtime < YOUNG:
                continue
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by a living owner: BlockingIOError
                if segment.exists():
                    segment.unlink()
                    removed.append(segment.name)
                lock.unlink()
        except OSError:  # it lives, somebody else was faster, or it is another user's
            continue
    return removed
