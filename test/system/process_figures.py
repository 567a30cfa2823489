"""What a process holds: memory, threads, file descriptors and Fast DDS's shared memory, read from /proc (Linux)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
SEGMENT = re.compile(r"/dev/shm/(fastdds_\S+)( \(deleted\))?$")


@dataclass(frozen=True)
class Figures:
    """Of one process at one moment."""

    private_mb: float  # [MB] resident and its own; shared pages are in `shared_mb`
    shared_mb: float  # [MB] resident in shared memory
    threads: int
    descriptors: int
    segments: int  # files of Fast DDS that it maps
    gone: int  # of them, those whose name is gone: their owner ended

    @classmethod
    def of(cls, pid: int) -> Figures:
        """Raises OSError for a process that is gone."""
        folder = Path(f"/proc/{pid}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        lines = (folder / "maps").read_text().splitlines()
        found = [match for line in lines if (match := SEGMENT.search(line))]
        return cls(
            private_mb=int(status["RssAnon"].split()[0]) / 1024.0,
            shared_mb=int(status["RssShmem"].split()[0]) / 1024.0,
            threads=int(status["Threads"]),
            descriptors=len(list((folder / "fd").iterdir())),
            segments=len(found),
            gone=sum(bool(match[2]) for match in found),
        )
