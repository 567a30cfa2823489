"""From the pose where the robot stands to what the policy wants, smoothly: a weight that begins and ends at rest."""

from __future__ import annotations

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS


class Ramp:
    """See the module's text.

    Attributes:
        seconds: [s] how long it takes.
        waits: it has not begun, because controllers have to be seen to follow first.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits = False
        self._begin = 0  # [ns]

    def begin(self, instant: int, seconds: float | None = None) -> None:
        """Begin at `instant` [ns]; `seconds`: as before."""
        self._begin = instant
        self.seconds = self.seconds if seconds is None else seconds

    def is_over(self, instant: int) -> bool:
        """Whether nothing but the policy counts at `instant` [ns]."""
        return not self.waits and instant - self._begin >= self.seconds * NANOSECONDS

    def between(self, rest: np.ndarray, target: np.ndarray, instant: int) -> np.ndarray:
        """From `rest` to `target` (D,), as far as it has come at `instant` [ns]."""
        elapsed = (instant - self._begin) / NANOSECONDS
        x = min(1.0, max(0.0, elapsed / self.seconds)) if self.seconds > 0.0 else 1.0  # a clock may be set back a little
        return np.asarray(rest + x * x * (3.0 - 2.0 * x) * (target - rest))
