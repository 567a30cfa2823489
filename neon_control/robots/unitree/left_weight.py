"""The weight of the newest message, where a successor finds it if the driver is killed.

A client that is killed leaves the weight on the robot where it was, and the robot does not tell it. A successor that began at 0 would give
the arms back from one message to the next. So it takes them over at the weight that was left, at the pose that is measured, and lowers it
from there.

The number lies in a file that is mapped into memory: writing it costs no call of the system, and it survives the process. It does not
survive a restart of this computer where the folder does not; and it may be wrong if the robot was restarted.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from neon_control.core.common.errors import ConfigError

_WEIGHT = struct.Struct("<d")


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where such files are: one that is this user's alone, and empty after a restart of the computer where there is such a one."""
    runtime, home = environment.get("XDG_RUNTIME_DIR", ""), environment.get("ROS_HOME", "")
    return (Path(runtime) if runtime else Path(home) if home else Path.home() / ".ros") / "neon_control"


class LeftWeight:
    """Keeps the number of one robot; without a file, for this process alone."""

    def __init__(self, file: Path | None) -> None:
        if file is None:
            self._memory = mmap.mmap(-1, _WEIGHT.size)
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.ftruncate(descriptor, _WEIGHT.size)
                self._memory = mmap.mmap(descriptor, _WEIGHT.size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ConfigError(f"{file}: the weight cannot be kept for a successor: {error}") from error

    @property
    def found(self) -> float:
        """What was noted last, by whomever; 0 where nothing was."""
        weight = float(_WEIGHT.unpack_from(self._memory)[0])
        return weight if 0.0 < weight <= 1.0 else 0.0

    def note(self, weight: float) -> None:
        """What was sent just now."""
        _WEIGHT.pack_into(self._memory, 0, weight)
