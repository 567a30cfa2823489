"""The streams of chunks: a queue that any thread may fill, and what the control thread makes of it once per period."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ChunkError
from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.ensemble import Ensemble
from neon_control.core.control.sources import SourceGuard

QUEUE = 32  # chunks waiting for the next tick; a flood pushes its own oldest out


@dataclass
class Stream:
    """One of them."""

    name: str
    ensemble: Ensemble
    guard: SourceGuard
    lost: bool = False  # the middleware says that the publisher is gone
    accepted: int = 0


class Streams(dict[str, Stream]):
    """By name.

    Attributes:
        rejected: "stream/reason" -> how many chunks were refused.
        late: the newest chunk of joints, if it was over before it came: age of its observation [s], dt [s] and H; None: it was in time.
    """

    def __init__(self, *streams: Stream) -> None:
        super().__init__({stream.name: stream for stream in streams})
        self.rejected: Counter[str] = Counter()
        self.late: tuple[float, float, int] | None = None
        self._queue: deque[tuple[str, ActionChunk, object]] = deque(maxlen=QUEUE)

    @property
    def waiting(self) -> bool:
        """Whether a chunk is queued."""
        return bool(self._queue)

    def put(self, name: str, chunk: ActionChunk, source: object) -> None:
        """Queue a chunk; any thread may."""
        if len(self._queue) == QUEUE:
            self.reject(name, "flood")
        self._queue.append((name, chunk, source))

    def reject(self, name: str, reason: str) -> None:
        """Count a chunk that was refused."""
        self.rejected[f"{name}/{reason}"] += 1

    def take(self, now: int, ahead: Mapping[str, int]) -> None:
        """Give what is queued to the ensembles, which are asked `ahead` [ns] of `now` [ns]."""
        while self._queue:
            name, chunk, source = self._queue.popleft()
            stream = self[name]
            try:
                if stream.guard.accept(source, now):
                    stream.ensemble.clear()
                stream.ensemble.add(chunk, now + ahead[name], ahead[name])
            except ChunkError as error:
                self.reject(name, error.reason)
                if name == JOINTS and error.reason == "late":
                    self.late = (now + ahead[name] - chunk.stamp) * 1e-9, chunk.dt, chunk.num_steps
            else:
                stream.accepted += 1
                stream.lost = False
                if name == JOINTS:
                    self.late = None

    def targets(self, instants: Mapping[str, int]) -> dict[str, np.ndarray | None]:
        """What each wants at its instant [ns]; None: nothing is known about it."""
        return {name: stream.ensemble.evaluate(instants[name]) for name, stream in self.items()}

    def age(self, now: int) -> float:
        """[s] of the newest observation, of the stream that is behind."""
        newest = [stream.ensemble.newest_stamp for stream in self.values()]
        return max(math.inf if stamp is None else (now - stamp) * 1e-9 for stamp in newest)

    @property
    def alive(self) -> bool:
        """Whether no publisher is known to be gone."""
        return not any(stream.lost for stream in self.values())

    def forget(self) -> None:
        """Drop what was received: it belongs to another time."""
        self._queue.clear()
        self.late = None
        for stream in self.values():
            stream.ensemble.clear()
            stream.guard.release()
