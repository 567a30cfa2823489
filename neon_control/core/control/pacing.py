"""Absolute deadlines: deadline k lies at start + k * period, however long the work in between took.

A deadline that has passed is skipped and counted; it is never caught up, which would send a burst of commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_POLL = 0.002  # [s] longest sleep on a foreign clock, whose speed is unknown


@dataclass(frozen=True)
class Tick:
    """One wake-up."""

    deadline: int  # [ns]
    lateness: float  # [s] wake-up minus the deadline that was waited for
    skipped: int  # deadlines given up since the last one, also those that passed before the wake-up


class Pacer:
    """Waits for one deadline after the other.

    Args:
        period: [s].
        clock: time in ns. The default is the monotonic clock, which `time.sleep` follows; simulated time is polled, and after
            a jump back the deadlines start anew. While it reads 0 it has not begun.
        running: asked while waiting; False ends the wait (a paused simulation must not block a shutdown).
    """

    def __init__(self, period: float, clock: Callable[[], int] | None = None, running: Callable[[], bool] = lambda: True) -> None:
        self.period = round(period * 1e9)
        self.skipped = 0  # in all
        self._clock = clock or time.monotonic_ns
        self._foreign = clock is not None
        self._running = running
        self._deadline: int | None = None

    def wait(self) -> Tick:
        """Return at the next deadline that lies ahead."""
        while (now := self._clock()) <= 0 and self._foreign and self._running():
            time.sleep(_POLL)
        deadline = (now if self._deadline is None else self._deadline) + self.period
        skipped = 0
        if now > deadline:
            skipped = -((deadline - now) // self.period)  # rounded up
            deadline += skipped * self.period
        elif deadline - now > 2 * self.period:  # the clock jumped back
            deadline = now + self.period
        while (left := deadline - now) > 0 and self._running():
            time.sleep(min(left * 1e-9, _POLL) if self._foreign else left * 1e-9)
            now = self._clock()
            if deadline - now > 2 * self.period:
                deadline = now + self.period
        late = now - deadline
        if late >= self.period:  # woken too late for more than this one; or a foreign clock, which moves in steps and may jump ahead
            passed = late // self.period
            skipped, deadline = skipped + passed, deadline + passed * self.period
        self.skipped += skipped
        self._deadline = deadline
        return Tick(deadline, (now - deadline if self._foreign else late) * 1e-9, skipped)
