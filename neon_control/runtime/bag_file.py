"""A rosbag2 as one stream of messages in the order of time; read with `rosbags`, so no ROS is needed.

with Bag(path) as bag:
    for message in bag.messages():
        print(message.time, message.topic, bag.decode(message))
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import Reader
from rosbags.typesys.store import Typestore

from neon_control.core.errors import NeonControlError
from neon_control.runtime.bag_messages import deserialise, type_of

METADATA = "metadata.yaml"
# Keys of the metadata that `neon_control record` adds to a bag: JSON, the first one followed by a node's name.
PARAMETERS_KEY, POLICY_KEY = "neon_control/parameters/", "neon_control/policy"


class BagError(NeonControlError):
    """A recording cannot be read or written; the message names it and says what was found and what is needed.

    Attributes:
        what: the message without the recording's path.
    """

    def __init__(self, what: str, path: Path | None = None) -> None:
        super().__init__(what if path is None else f"{path}: {what}")
        self.what = what


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag."""

    name: str  # as recorded: absolute
    type: str  # package/msg/Name
    digest: str  # RIHS01 hash of the type's definition; empty in bags older than Jazzy
    count: int
    qos: tuple[Qos, ...]  # what its publishers offered, as far as the recorder was told
    connections: tuple[Connection, ...]


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
        path: the bag's folder, or its storage file; any storage, compressed or not.
        odd: told what is wrong but leaves something to read: the topic, or nothing, and a text. Without it, these are errors too.

    Raises:
        BagError: there is no bag, it was cut off, it is empty, or one topic has two types.
    """

    def __init__(self, path: Path, odd: Callable[[str, str], None] | None = None) -> None:
        self.path = path
        self._odd = odd or self._refuse
        self._types: dict[str, tuple[Typestore, str]] = {}
        if path.is_dir() and not (path / METADATA).is_file():
            found = sorted(f.name for f in path.iterdir())
            text = f"no complete recording: it has no {METADATA}, only {found}; one that was cut off may be mended with `ros2 bag reindex`"
            raise BagError(text, path)
        try:
            self._reader = Reader(path)
            self._reader.open()
        except Exception as error:  # a damaged file raises what the reader stumbles over: struct.error, apsw.Error, ReaderError, ...
            raise BagError(f"cannot be read: {_words(error)}", path) from error
        connections: dict[str, list[Connection]] = {}
        for connection in self._reader.connections:
            if connection.msgcount:
                connections.setdefault(connection.topic, []).append(connection)
        self.topics = {name: self._describe(name, found) for name, found in connections.items()}
        self.start, self.end = self._reader.start_time, self._reader.end_time - 1
        if not self.topics:
            self.start = self.end = 0
            self._odd("", "no messages")
        self.custom: dict[str, str] = self._reader.storage.metadata.custom or {}

    def _refuse(self, topic: str, text: str) -> None:
        self._reader.close()
        raise BagError(f"topic {topic} {text}" if topic else text, self.path)

    def _describe(self, name: str, connections: list[Connection]) -> BagTopic:
        kind = connections[0].msgtype
        if others := sorted({c.msgtype for c in connections} - {kind}):
            self._odd(name, f"has messages of several types; those of {others} are left out, {kind} remains")
        used = tuple(c for c in connections if c.msgtype == kind)
        qos = [q for c in used for q in getattr(c.ext, "offered_qos_profiles", ())]
        return BagTopic(name, kind, used[0].digest or "", sum(c.msgcount for c in used), tuple(dict.fromkeys(qos)), used)

    def cut(self, start: float, duration: float) -> None:
        """From now on, see only the messages from `start` [s] after the begin on, for `duration` [s].

        Raises:
            BagError: the bag ends before.
        """
        if start * 1e9 > self.end - self.start:
            raise BagError(f"lasts {(self.end - self.start) * 1e-9:.2f} s, asked to start at {start:g} s", self.path)
        self.start += round(start * 1e9)
        if self.start + duration * 1e9 < self.end:
            self.end = self.start + round(duration * 1e9)

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """The messages of `topics`, of all where none is given, in the order of time.

        Raises:
            BagError: the file is damaged.
        """
        wanted = [c for t in self.topics.values() if topics is None or t.name in topics for c in t.connections]
        if not wanted:
            return
        messages = self._reader.messages(wanted, self.start, self.end + 1)
        while True:
            try:
                connection, time, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # as above
                raise BagError(f"the rest cannot be read: {_words(error)}", self.path) from error
            yield BagMessage(time, connection.topic, connection.msgtype, bytes(data))

    def type_of(self, topic: str) -> tuple[Typestore, str]:
        """Where the type of `topic` is defined, and its name there: without this, its messages cannot be decoded.

        Raises:
            BagError: its type is another edition than the one known here by this name, or unknown, and the bag does not define it.
        """
        if topic not in self._types:
            try:
                self._types[topic] = type_of(self.topics[topic].connections[0])
            except Exception as error:  # a definition that is no definition raises what the parser stumbles over
                raise BagError(f"topic {topic} {error}", self.path) from error
        return self._types[topic]

    def decode(self, message: BagMessage) -> Any:
        """The message with its fields; arrays are numpy arrays.

        Raises:
            BagError: see `type_of`, or the message is damaged.
        """
        store, kind = self.type_of(message.topic)
        try:
            return deserialise(store, kind, message.data)
        except Exception as error:  # what a damaged message does to generated code is not specified
            text = f"a message of {message.topic} at {message.time} ns cannot be read as {message.type}: {_words(error)}"
            raise BagError(text, self.path) from error

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.close()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
