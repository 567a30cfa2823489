"""One file of a bag (rosbag2, mcap) that is being written, so that a kill of this process costs little: what was flushed is on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from neon_control.core.common.yaml_file import read_mapping
from neon_control.recordings.bag.bag_file import METADATA, BagError

INFORMATION = "rosbag2_bagfile_information"  # the one key of a bag's metadata


class Kind(NamedTuple):
    """What a bag says of a topic's messages."""

    type: str  # package/msg/Name
    definition: str
    digest: str  # RIHS01
    offered: Sequence[Qos]  # by its publishers


class OpenBag:
    """A bag in the making.

    Attributes:
        bytes: written so far, before compression, which is with zstd in the file's own chunks.
        path: its folder.

    Raises:
        BagError: the folder exists or cannot be made; later, the file cannot be written.
    """

    def __init__(self, path: Path, compress: bool = False) -> None:
        self.path, self.bytes = path, 0
        self._connections: dict[str, Connection] = {}
        try:
            self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
            if compress:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except Exception as error:
            raise BagError(f"cannot begin a recording in {path}: {error}") from error

    @property
    def _storage(self) -> Any:
        return self._writer.storage

    def write(self, topic: str, kind: Kind, moment: int, data: bytes) -> None:
        """Append a message of `topic`, received at `moment` [ns]."""
        try:
            connection = self._connections.get(topic)
            if connection is None:
                connection = self._connections[topic] = self._writer.add_connection(
                    topic, kind.type, msgdef=kind.definition, rihs01=kind.digest, offered_qos_profiles=list(kind.offered)
                )
            self._writer.write(connection, moment, data)
        except OSError as error:
            raise BagError(f"cannot write to {self.path}: {error}") from error
        self.bytes += len(data)

    def note(self, key: str, text: str) -> None:
        """Put something into the bag's own metadata, which is written at the end."""
        self._writer.set_custom_data(key, text)

    def flush(self, to_disk: bool = False) -> None:
        """What was written so far outlives this process; with `to_disk`, a loss of power too."""
        try:
            if self._storage.chunk.msgs:
                self._storage.close_chunk()
            self._storage.bio.flush()
            if to_disk:
                os.fsync(self._storage.bio.fileno())
        except OSError as error:
            raise BagError(f"cannot write to {self.path}: {error}") from error

    def move_file(self, target: Path) -> None:
        """Give the storage file another place on the same disk, while it is written."""
        os.replace(self._storage.path, target)

    def close(self) -> None:
        """Finish the bag; before this it has no index."""
        self._finish()

    def _finish(self) -> None:
        try:
            self._writer.close()
        except OSError as error:
            raise BagError(f"{self.path} is incomplete: {error}") from error

    def close_part(self) -> dict[str, Any]:
        """Finish a bag whose file was moved; what its metadata would say is the answer, and its folder goes."""
        self._finish()
        information: dict[str, Any] = read_mapping(self.path / METADATA)[INFORMATION]
        shutil.rmtree(self.path, ignore_errors=True)
        return information
