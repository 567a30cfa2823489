"""What every storage file of a rosbag2 gives, whether sqlite3 or mcap, and how several sources become one stream.

The readers are our own, on `sqlite3` and `mcap`: those of `rosbags` refuse or silently drop what real recorders write, for example types
without a definition, a QoS that the metadata tells otherwise than the file, files whose recorder died, messages out of order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

OnDamage = Callable[[str, int | None], None]  # takes what is wrong, and when in the bag [ns] if that is known


class Definition(NamedTuple):
    """How a file defines a message type."""

    encoding: str = ""  # ros2msg, ros2idl; anything else is no definition
    text: str = ""


@dataclass(frozen=True)
class StoredTopic:
    """One topic of one file."""

    id: int
    name: str
    type: str
    serialization: str  # of its messages; cdr is what ROS 2 writes
    definition: Definition
    digest: str  # RIHS01 hash of the type; empty in files older than Iron
    qos: str  # what its publishers offered, as YAML
    count: int


class Stored(NamedTuple):
    """One message."""

    time: int  # [ns] when it was received
    topic: int  # its id
    data: bytes


class Storage(Protocol):
    """An open file.

    Attributes:
        start, end: [ns] times of the first and the last message.
    """

    topics: list[StoredTopic]
    start: int
    end: int

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """The messages of some topics between two times [ns], both included, in the order of time."""

    def close(self) -> None:
        """Close the file."""


def merged(sources: Iterable[tuple[int, Callable[[], Iterator[Stored]]]]) -> Iterator[Stored]:
    """The messages of several sources in the order of time; those of equal time in the order of the sources.

    Args:
        sources: a time [ns] before which a source has no message, and what opens it. It is opened when that time has come, and so no more
            of them are in memory than overlap.
    """
    waiting = sorted(enumerate(sources), key=lambda s: (s[1][0], s[0]), reverse=True)
    running: list[tuple[int, int, Stored, Iterator[Stored]]] = []
    while waiting or running:
        while waiting and (not running or waiting[-1][1][0] <= running[0][0]):
            number, (_, begin) = waiting.pop()
            stream = begin()
            if (first := next(stream, None)) is not None:
                heapq.heappush(running, (first.time, number, first, stream))
        if not running:
            continue
        _, number, message, stream = running[0]
        yield message
        if (following := next(stream, None)) is not None:
            heapq.heapreplace(running, (following.time, number, following, stream))
        else:
            heapq.heappop(running)
