"""From one leader of the robot to the next, from a held pose to what the policy wants above all: a weight that begins and ends at rest."""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS

SHORTEST = 0.5  # of its duration, if its begin was put off for so long that nothing of it would be left


class Ramp:
    """See the module's text.

    Attributes:
        waits: it has not begun, because controllers have to be seen to follow first.
    """

    def __init__(self) -> None:
        self.waits = False
        self._begin = self._end = self._shortest = 0  # [ns]

    def begin(self, instant: int, seconds: float) -> None:
        """Begin at `instant` [ns], and take so long."""
        self._begin, self._end = instant, instant + round(seconds * NANOSECONDS)
        self._shortest = round(SHORTEST * seconds * NANOSECONDS)

    def put_off(self, instant: int) -> None:
        """Begin at `instant` [ns] only, and end when it was to end, or after half of its duration at the earliest.

        Waiting is a part of the time to the policy: a controller that has to show that it follows costs none beyond the ramp's own.
        """
        self._begin, self._end = instant, max(self._end, instant + self._shortest)

    def shift(self, by: int) -> None:
        """The clock was set by so much [ns]."""
        self._begin, self._end = self._begin + by, self._end + by

    def is_over(self, instant: int) -> bool:
        """Whether nothing but what it leads to counts at `instant` [ns]."""
        return not self.waits and instant >= self._end

    def between(self, rest: np.ndarray, target: np.ndarray, instant: int) -> np.ndarray:
        """From `rest` to `target` (D,), as far as it has come at `instant` [ns]."""
        duration = self._end - self._begin
        x = min(1.0, max(0.0, (instant - self._begin) / duration)) if duration > 0 else 1.0  # a clock may be set back a little
        return np.asarray(rest + x * x * (3.0 - 2.0 * x) * (target - rest))
