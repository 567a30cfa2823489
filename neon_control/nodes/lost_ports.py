"""Shared-memory ports of Fast DDS that this process still uses though another file has taken their name.

A message goes to a port by its number: a file in shared memory that both sides map. When a killed process is started again, Fast DDS
replaces the files of its ports. A process that does not notice goes on to write into the old one, or to read from it, and nothing comes.
"""

from __future__ import annotations

import fcntl
import re
from pathlib import Path

from neon_control.nodes.shared_memory import SHARED_MEMORY

MAPPED = re.compile(r"/(fastdds_port\d+) \(deleted\)$", re.MULTILINE)


def lost_ports(maps: str, folder: Path = SHARED_MEMORY) -> set[str]:
    """Of the ports in `maps`, a process's /proc/<pid>/maps, those that are replaced and whose new file has a living reader."""
    return {name for name in MAPPED.findall(maps) if (folder / name).exists() and _is_locked(folder / f"{name}_el")}


def _is_locked(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it is gone, or another user's
        return False
    return False
