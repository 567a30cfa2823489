"""Rosbags as recordings: read whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError
from neon_control.core.observation import Clip
from neon_control.training.recordings import Sample, read_samples

EDGE = 1 << 16  # bytes of a file of messages that tell its content, at each end


@dataclass(frozen=True)
class Problem:
    """Something that cost samples, or that somebody should look at."""

    where: str  # file, and the topic
    time: float | None  # [s] since the recording's start, of the first time; None: it concerns all of it
    what: str
    count: int = 1  # how often


@dataclass
class Report:
    """Fills while a recording is read."""

    problems: list[Problem] = field(default_factory=list)


class Recording(Protocol):
    """Samples from somewhere on disk; it travels to worker processes."""

    @property
    def path(self) -> Path:
        """A folder or a file."""
        ...

    @property
    def name(self) -> str:
        """Tells it from the others."""
        ...

    def fingerprint(self) -> str:
        """Changes with the content."""
        ...

    def samples(
        self, space: ActionSpace, dt: float, num_steps: int, clip: Clip | None = None, report: Report | None = None
    ) -> Iterator[Sample]:
        """See `read_samples`; problems go to `report`."""
        ...


@dataclass(frozen=True)
class Bag:
    """A rosbag2."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's."""
        return self.path.name

    def fingerprint(self) -> str:
        """Of the description, and of the size, the beginning and the end of each file of messages, where mcap has its checksums."""
        digest = hashlib.sha256((self.path / "metadata.yaml").read_bytes())
        for file in sorted(p for p in self.path.iterdir() if p.suffix in (".mcap", ".db3")):
            with file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                for at in (0, max(0, size - EDGE)):
                    stream.seek(at)
                    digest.update(stream.read(EDGE))
            digest.update(f"{file.name} {size}".encode())
        return digest.hexdigest()

    def samples(
        self, space: ActionSpace, dt: float, num_steps: int, clip: Clip | None = None, report: Report | None = None
    ) -> Iterator[Sample]:
        """All of it, or a problem."""
        try:
            yield from read_samples(self.path, space, dt, num_steps, clip)
        except Exception as error:  # what a parser raises at a damaged file is up to the damage
            if report is not None:
                report.problems.append(Problem(self.name, None, f"cannot be read: {type(error).__name__}: {error}"))


def find_recordings(root: Path) -> list[Bag]:
    """The bags below a folder, in order of their names.

    Raises:
        ConfigError: there is none.
    """
    bags = [Bag(p.parent) for p in sorted(root.glob("*/metadata.yaml"))]
    if not bags:
        raise ConfigError(f"no recordings in {root.absolute()}; `neon_control collect --out {root}` makes some")
    return bags
