"""The bag of one episode: perhaps parts that were recorded before it was begun, and one that is being written.

All files lie in the bag's folder from their beginning on: a recorder that is killed leaves a bag, only without an index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from neon_control.recordings.bag.bag_file import METADATA, BagError
from neon_control.replay.open_bag import INFORMATION, OpenBag

STORAGE = ".mcap"


class Part(NamedTuple):
    """A closed file of a bag."""

    path: Path
    information: Mapping[str, Any]  # what the metadata of a bag of it alone would say


class EpisodeBag(OpenBag):
    """See the module's text; `path` is the bag's folder, which must not exist.

    Args:
        scratch: a folder on the same disk, which nobody else uses.
        parts: files that it begins with, in the order of time; they are moved into it.
    """

    def __init__(self, path: Path, scratch: Path, parts: Sequence[Part] = (), compress: bool = False) -> None:
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise BagError(f"cannot begin a recording in {path}: {error}") from error
        self.folder = path
        self._notes: dict[str, str] = {}
        self._parts: list[Part] = []
        for number, part in enumerate(parts):
            moved = part._replace(path=path / f"{path.name}_{number}{STORAGE}")
            os.replace(part.path, moved.path)
            self._parts.append(moved)
        self._file = path / f"{path.name}_{len(parts)}{STORAGE}"
        super().__init__(scratch / path.name, compress)
        self.move_file(self._file)

    def note(self, key: str, text: str) -> None:
        """Put something into the bag's own metadata, which is written at the end."""
        self._notes[key] = text

    def close(self) -> None:
        """Finish the bag."""
        self._parts.append(Part(self._file, self.close_part()))
        write_metadata(self.folder, self._parts, self._notes)

    def discard(self) -> None:
        """Delete what this bag has written or taken, and nothing else."""
        self._parts.append(Part(self._file, self.close_part()))
        for part in self._parts:
            part.path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody has put something into it
            self.folder.rmdir()


def write_metadata(folder: Path, parts: Sequence[Part], notes: Mapping[str, str]) -> None:
    """`metadata.yaml` of a bag of several files; it is there whole, or not at all."""
    topics: dict[str, dict[str, Any]] = {}
    for part in parts:
        for topic in part.information["topics_with_message_count"]:
            name = topic["topic_metadata"]["name"]
            known = topics.setdefault(name, {**topic, "message_count": 0})
            known["message_count"] += topic["message_count"]
    files = [{**part.information["files"][0], "path": part.path.name} for part in parts]
    full = [f for f in files if f["message_count"]] or files[:1]
    start = min(f["starting_time"]["nanoseconds_since_epoch"] for f in full)
    end = max(f["starting_time"]["nanoseconds_since_epoch"] + f["duration"]["nanoseconds"] for f in full)
    information = {
        **parts[-1].information,
        "relative_file_paths": [f["path"] for f in files],
        "starting_time": {"nanoseconds_since_epoch": start},
        "duration": {"nanoseconds": end - start},
        "message_count": sum(f["message_count"] for f in files),
        "topics_with_message_count": list(topics.values()),
        "files": files,
        "custom_data": dict(notes),
    }
    scratch = folder / f".{METADATA}"
    with scratch.open("w", encoding="utf-8") as stream:
        yaml.safe_dump({INFORMATION: information}, stream, sort_keys=False, allow_unicode=True)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(scratch, folder / METADATA)
