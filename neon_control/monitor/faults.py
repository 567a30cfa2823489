"""What went wrong, kept longer than a moment: a log of the nodes' complaints, the counters behind them, and both on the page.

/diagnostics is said once a second and forgotten. The log keeps every change for the worse, and every recovery, with its time; the
counters (rejected chunks, limits that bit, stops) are those of the nodes, with the time at which each last rose.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import viser

from neon_control.core.common.html import element, escape
from neon_control.monitor import html
from neon_control.nodes.status import Status

COUNTERS = {"rejected": "refused chunks and joint states", "limited": "limits that bit", "stops": "stops"}  # of a key -> heading
KEPT, SHOWN = 200, 12  # events
RECENT = 10.0  # [s] a counter that rose within this time stands out


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
        self._events: deque[Event] = deque(maxlen=KEPT)

    def add(self, status: Status, now: float | None = None) -> None:
        """Compare a status with the node's last one; `now` [s] of the wall clock."""
        now = time.time() if now is None else now
        with self._lock:
            before = self._last.get(status.node)
            self._last[status.node] = status
            if status.node in self._silent:
                self._silent.discard(status.node)
                self._events.append(Event(now, status.node, 0, "is back"))
            if before is not None and _restarted(before, status):
                self._events.append(Event(now, status.node, 1, "started anew"))
            changed = before is None or (before.level, _kind(before)) != (status.level, _kind(status))
            if changed and (status.level or (before is not None and before.level)):
                self._events.append(Event(now, status.node, status.level, status.message))
            passed = not status.level and before is not None and not before.level and _stops(status) > _stops(before)
            if passed and (why := status.values.get("last_stop")):
                self._events.append(Event(now, status.node, 1, f"had stopped ({why})"))
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
                self._events.append(Event(time.time() - seconds, node, 3, "fell silent"))

    def counts(self) -> list[Count]:
        """All counters that are not zero, by family, the largest first."""
        with self._lock:
            counts = [count for count in self._counts.values() if count.value]
        return sorted(counts, key=lambda c: (list(COUNTERS).index(c.family), -c.value, c.name))

    def newest(self, number: int) -> list[Event]:
        """The newest events, newest first."""
        with self._lock:
            return list(self._events)[: -number - 1 : -1]


def _kind(status: Status) -> str:
    """A message without its digits: an age that counts up is not a new event every second."""
    return "".join(c for c in status.message if not c.isdigit())


def _restarted(before: Status, after: Status) -> bool:
    """Whether a counter that only grows went back to a smaller number."""
    pairs = [(before.number(key), after.number(key)) for key in ("ticks", "chunks_published", "images_received")]
    return any(old is not None and new is not None and new < old for old, new in pairs)


def _stops(status: Status) -> int:
    """How often following the policy ended."""
    return sum(int(text) for key, text in status.values.items() if key.startswith("stops/") and text.isdigit())


class FaultList:
    """The log on the page: the newest events, then the counters."""

    def __init__(self, server: viser.ViserServer, log: FaultLog) -> None:
        self._log = log
        self._events = server.gui.add_html("")
        self._counts = server.gui.add_html("")

    def update(self, now: float) -> None:
        """See `Part`; the log keeps the wall clock's time."""
        events = [(_dated(event), f"{element('b', escape(event.node))} {escape(event.text)}", False) for event in self._log.newest(SHOWN)]
        self._events.content = html.table(events) if events else html.heading("nothing went wrong since this page watches")
        counts, wall = self._log.counts(), time.time()
        content = ""
        for family, title in COUNTERS.items():
            rows = [_row(count, wall) for count in counts if count.family == family]
            if rows:
                content += html.heading(f"{title}: how often, and when last") + html.table(rows)
        self._counts.content = content


def _dated(event: Event) -> str:
    return html.dot(html.LEVEL_COLOURS[min(event.level, 3)]) + time.strftime("%H:%M:%S", time.localtime(event.time))


def _row(count: Count, wall: float) -> tuple[str, str, bool]:
    recent = count.rose is not None and wall - count.rose < RECENT
    since = "" if count.rose is None else time.strftime(", %H:%M:%S", time.localtime(count.rose))
    return html.dot(html.AMBER if recent else html.GREY) + escape(count.name), f"{count.value}{since}", not recent
