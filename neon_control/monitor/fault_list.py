"""The fault log on the page: counters first, then what happened when."""

from __future__ import annotations

import time

import viser

from neon_control.core.common.html import element, escape
from neon_control.monitor import html
from neon_control.monitor.faults import COUNTERS, Count, FaultLog

SHOWN = 12  # events
RECENT = 10.0  # [s] a counter that rose within this time stands out


class FaultList:
    """Built where it is constructed; `update` fills it."""

    def __init__(self, server: viser.ViserServer, log: FaultLog) -> None:
        self._log = log
        self._events = server.gui.add_html("")
        self._counts = server.gui.add_html("")

    def update(self, now: float) -> None:
        """Show log and counters; `now` is not needed, the log keeps the wall clock's time."""
        events = self._log.newest(SHOWN)
        rows = [
            (
                f"{html.dot(html.LEVEL_COLOURS[min(e.level, 3)])}{time.strftime('%H:%M:%S', time.localtime(e.time))}",
                f"{element('b', escape(e.node))} {escape(e.text)}",
                False,
            )
            for e in events
        ]
        self._events.content = html.table(rows) if rows else html.heading("nothing went wrong since this page watches")
        counts, wall = self._log.counts(), time.time()
        parts = []
        for family, title in COUNTERS.items():
            of_family = [count for count in counts if count.family == family]
            if of_family:
                parts.append(html.heading(f"{title}: how often, and when last") + html.table(_row(count, wall) for count in of_family))
        self._counts.content = "".join(parts)


def _row(count: Count, wall: float) -> tuple[str, str, bool]:
    recent = count.rose is not None and wall - count.rose < RECENT
    since = "" if count.rose is None else time.strftime(", %H:%M:%S", time.localtime(count.rose))
    return html.dot(html.AMBER if recent else html.GREY) + escape(count.name), f"{count.value}{since}", not recent
