"""A rosbag2 as one stream of messages in the order of time; read with `rosbags`, so no ROS is needed.

with Bag(path) as bag:
    for message in bag.messages():
        print(message.time, message.topic, bag.decode(message))
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat, Qos
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from neon_control.core.errors import NeonControlError

_CDR_HEADER = 4  # [bytes] before the message


# Keys of the metadata that `neon_control record` adds to a bag: JSON, the first one followed by a node's name.
PARAMETERS_KEY, POLICY_KEY = "neon_control/parameters/", "neon_control/policy"


class BagError(NeonControlError):
    """A recording cannot be read or written; the message names it and says what was found and what is needed."""


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag."""

    name: str  # absolute
    type: str  # package/msg/Name
    digest: str  # RIHS01 hash of the type's definition; empty in bags older than Jazzy
    count: int
    qos: tuple[Qos, ...]  # what its publishers offered, as far as the recorder was told


@dataclass(frozen=True)
class BagMessage:
    """One message, still serialised."""

    time: int  # [ns] when it was received
    topic: str
    type: str
    data: bytes  # CDR


class Bag:
    """A bag that is open for reading.

    Attributes:
        topics: name -> topic, those with at least one message.
        start, end: [ns] times of the first and the last message.
        custom: the recorder's own metadata.

    Args:
        path: the bag's folder, or its storage file.

    Raises:
        BagError: there is no bag, it was cut off, it is empty, or one topic has two types.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir() and not (path / "metadata.yaml").is_file():
            found = sorted(f.name for f in path.iterdir())
            raise BagError(
                f"{path} is no complete recording: it has no metadata.yaml, only {found}; one that was cut off may be mended with "
                "`ros2 bag reindex`"
            )
        try:
            self._reader = Reader(path)
            self._reader.open()
        except (ReaderError, OSError) as error:
            raise BagError(f"{path}: {error}") from error
        self._connections = [c for c in self._reader.connections if c.msgcount]
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self.topics = {c.topic: self._describe(c.topic) for c in self._connections}
        if not self.topics:
            raise BagError(f"{path}: the recording holds no messages")
        self.start, self.end = self._reader.start_time, self._reader.end_time - 1
        self.custom: dict[str, str] = self._reader.storage.metadata.custom or {}

    def _describe(self, name: str) -> BagTopic:
        connections = [c for c in self._connections if c.topic == name]
        kinds = sorted({c.msgtype for c in connections})
        if len(kinds) > 1:
            raise BagError(f"{self.path}: topic {name} has messages of several types, {kinds}; it needs one")
        qos = [q for c in connections for q in getattr(c.ext, "offered_qos_profiles", ())]
        return BagTopic(name, kinds[0], connections[0].digest or "", sum(c.msgcount for c in connections), tuple(dict.fromkeys(qos)))

    def cut(self, start: float, duration: float) -> None:
        """From now on, see only the messages from `start` [s] after the begin on, for `duration` [s].

        Raises:
            BagError: the bag ends before.
        """
        if start * 1e9 > self.end - self.start:
            raise BagError(f"{self.path} lasts {(self.end - self.start) * 1e-9:.2f} s, asked to start at {start:g} s")
        self.start += round(start * 1e9)
        if self.start + duration * 1e9 < self.end:
            self.end = self.start + round(duration * 1e9)

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """The messages of `topics`, of all where none is given, in the order of time.

        Raises:
            BagError: the file is damaged.
        """
        wanted = [c for c in self._connections if topics is None or c.topic in topics]
        if not wanted:
            return
        try:
            for connection, time, data in self._reader.messages(wanted, self.start, self.end + 1):
                yield BagMessage(time, connection.topic, connection.msgtype, bytes(data))
        except ReaderError as error:
            raise BagError(f"{self.path}: damaged: {error}") from error

    def decode(self, message: BagMessage) -> Any:
        """The message with its fields; arrays are numpy arrays.

        Raises:
            BagError: its type is another edition than the one known here by this name, or it is damaged.
        """
        if message.type not in self._decodable:
            raise BagError(
                f"{self.path}: topic {message.topic} has the type {message.type} with the definition {self.topics[message.topic].digest}, "
                f"which is not the one known here by this name ({self._hash(message.type)})"
            )
        # Not `Typestore.deserialize_cdr`: it refuses what rclpy serialises ahead of publishing, for example the executor's trajectories,
        # because bytes that mean nothing follow them (16 after two points). The definition has been compared already.
        kind = self._types.get_msgdef(message.type)
        read = kind.deserialize_cdr_le if message.data[1:2] == b"\x01" else kind.deserialize_cdr_be
        try:
            content, end = read(message.data[_CDR_HEADER:], 0, kind.cls, self._types)
            if end > len(message.data) - _CDR_HEADER:
                raise ValueError(f"it has {len(message.data) - _CDR_HEADER} bytes, {end} are needed")
            return content
        except Exception as error:  # what a damaged message does to generated code is not specified
            raise BagError(
                f"{self.path}: a message of {message.topic} at {message.time} ns cannot be read as {message.type}: {error}"
            ) from error

    @functools.cached_property
    def _decodable(self) -> set[str]:
        """Types that can be read: known ones of the same edition, and unknown ones by the definition that the bag carries."""
        for connection in self._connections:
            if connection.msgtype not in self._types.fielddefs and connection.msgdef.format is MessageDefinitionFormat.MSG:
                _learn(self._types, connection)
        return {
            t.type for t in self.topics.values() if t.type in self._types.fielddefs and (not t.digest or t.digest == self._hash(t.type))
        }

    def _hash(self, kind: str) -> str:
        return self._types.hash_rihs01(kind) if kind in self._types.fielddefs else "unknown"

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.close()


def _learn(types: Typestore, connection: Connection) -> None:
    found = get_types_from_msg(connection.msgdef.data, connection.msgtype)
    types.register({name: fields for name, fields in found.items() if name not in types.fielddefs})
