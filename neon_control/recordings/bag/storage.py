"""What every storage file of a rosbag2 gives, whether sqlite3 or mcap, and how several sources become one stream.

The readers are our own, on `sqlite3` and `mcap`: those of `rosbags` refuse or silently drop what real recorders write, for example types
without a definition, a QoS that the metadata tells otherwise than the file, files whose recorder died, messages out of order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

OnDamage = Callable[[str, int | None], None]  # takes what is wrong, and when in the bag [ns] if that is known


class Definition(NamedTuple):
    """How a file defines a message type."""

    encoding: str = ""  # ros2msg, ros2idl; anything else is no definition
    text: str = ""


@dataclass(frozen=True)
class BagTopic:
    """One topic of one file, or of a bag."""

    id: int  # in its file
    name: str  # as recorded: absolute
    type: str  # package/msg/Name
    serialization: str  # of its messages; cdr is what ROS 2 writes
    definition: Definition  # of its type, by the bag; may be empty
    digest: str  # RIHS01 hash of the type; empty in files older than Iron
    qos: tuple[Qos, ...]  # what its publishers offered, as far as the recorder was told
    count: int


def qos_of(text: str) -> tuple[Qos, ...]:
    """What a recorder wrote of the publishers, as YAML; nothing where it is something else."""
    try:
        return tuple(parse_qos(text))
    except Exception:  # it decides how a topic is replayed, not whether it can be read
        return ()


class Stored(NamedTuple):
    """One message."""

    time: int  # [ns] when it was received
    topic: int  # its id
    data: bytes


class Storage(Protocol):
    """An open file; to open one that is damaged or something else raises what its reader stumbles over."""

    topics: list[BagTopic]
    start: int  # [ns] time of the first message
    end: int  # [ns] and of the last one

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """The messages of some topics between two times [ns], both included, in the order of time."""


Message = TypeVar("Message", bound=Any)  # whatever has a `time` [ns]


def merged(sources: Iterable[tuple[int, Callable[[], Iterator[Message]]]]) -> Iterator[Message]:
    """The messages of several sources in the order of time; those of equal time in the order of the sources.

    A source is a time [ns] before which it has no message, and what opens it when that time has come: no more are in memory than overlap.
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
