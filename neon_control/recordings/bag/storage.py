"""What every storage file of a rosbag2 gives, whether sqlite3 or mcap, and how several sources become one stream.

The readers are our own, on `sqlite3` and `mcap`: those of `rosbags` refuse or silently drop what real recorders write, for example types
without a definition, a QoS that the metadata tells otherwise than the file, files whose recorder died, messages out of order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

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


class Timed(Protocol):
    @property
    def time(self) -> int:
        """[ns]"""


Message = TypeVar("Message", bound=Timed)


def merged(sources: Iterable[tuple[int, Callable[[], Iterator[Message]]]]) -> Iterator[Message]:
    """The messages of several sources in the order of time; those of equal time in the order of the sources.

    Args:
        sources: a time [ns] before which a source has no message, and what opens it. It is opened when that time has come, and so no more
            of them are in memory than overlap.
    """
    # Time, number of the source, its next message or None while it is not open, what opens it or what is left of it.
    heap: list[tuple[int, int, Message | None, Any]] = [(time, number, None, begin) for number, (time, begin) in enumerate(sources)]
    heapq.heapify(heap)
    while heap:
        _, number, message, stream = heap[0]
        if message is None:
            stream = stream()
        else:
            yield message
        if (following := next(stream, None)) is not None:
            heapq.heapreplace(heap, (following.time, number, following, stream))
        else:
            heapq.heappop(heap)
