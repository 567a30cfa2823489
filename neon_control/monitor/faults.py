"""What went wrong, kept longer than a moment: a log of the nodes' complaints, and the counters behind them.

/diagnostics is said once a second and forgotten. The log keeps every change for the worse, and every recovery, with its time; the
counters (rejected chunks, limits that bit, stops) are those of the nodes, with the time at which each last rose.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from neon_control.monitor.link import Status

COUNTERS = {"rejected": "refused chunks and joint states", "limited": "limits that bit", "stops": "stops"}  # of a key -> heading
KEPT = 200  # events


@dataclass(frozen=True)
class Event:
    """One change."""

    time: float  # [s] of the wall clock
    node: str
    level: int  # 0 to 3, as in DiagnosticStatus
    text: str


@dataclass(frozen=True)
class Count:
    """One counter."""

    family: str  # a key of `COUNTERS`
    name: str
    value: int
    rose: float | None  # [s] wall clock; None: not since this page watches


class FaultLog:
    """Fed with every status; may be read from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Status] = {}
        self._silent: set[str] = set()
        self._counts: dict[tuple[str, str], Count] = {}
        self.events: deque[Event] = deque(maxlen=KEPT)

    def add(self, status: Status, now: float | None = None) -> None:
        """Compare a status with the node's last one; `now` [s] of the wall clock."""
        now = time.time() if now is None else now
        with self._lock:
            before = self._last.get(status.node)
            self._last[status.node] = status
            if status.node in self._silent:
                self._silent.discard(status.node)
                self.events.append(Event(now, status.node, 0, "is back"))
            if before is not None and _restarted(before, status):
                self.events.append(Event(now, status.node, 1, "started anew"))
            changed = before is None or (before.level, _kind(before)) != (status.level, _kind(status))
            if changed and (status.level or (before is not None and before.level)):
                self.events.append(Event(now, status.node, status.level, status.message))
            self._count(status, now, seen_before=before is not None)

    def _count(self, status: Status, now: float, seen_before: bool) -> None:
        for key, text in status.values.items():
            family, _, name = key.partition("/")
            if family not in COUNTERS or not text.isdigit():
                continue
            value, old = int(text), self._counts.get((family, name))
            rose = value > old.value if old is not None else value > 0 and seen_before
            self._counts[family, name] = Count(family, name, value, now if rose else old.rose if old is not None else None)

    def note_silence(self, node: str, seconds: float) -> None:
        """Say once that a node has stopped talking."""
        with self._lock:
            if node not in self._silent:
                self._silent.add(node)
                self.events.append(Event(time.time() - seconds, node, 3, "fell silent"))

    def counts(self) -> list[Count]:
        """All counters that are not zero, by family, the largest first."""
        with self._lock:
            counts = [count for count in self._counts.values() if count.value]
        return sorted(counts, key=lambda c: (list(COUNTERS).index(c.family), -c.value, c.name))

    def newest(self, number: int) -> list[Event]:
        """The newest events, newest first."""
        with self._lock:
            return list(self.events)[: -number - 1 : -1]


def _kind(status: Status) -> str:
    """A message without its digits: an age that counts up is not a new event every second."""
    return "".join(c for c in status.message if not c.isdigit())


def _restarted(before: Status, after: Status) -> bool:
    """Whether a counter that only grows went back to a smaller number."""
    for key in ("ticks", "chunks_published", "images_received"):
        old, new = before.number(key), after.number(key)
        if old is not None and new is not None and new < old:
            return True
    return False
