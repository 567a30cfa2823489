"""Where a ramp begins: a pose that is held, or a motion whose leader has just changed, on its way to rest.

A ramp that began at the pose alone, in mid-motion, would pull the joints back to it. So what it leads away from goes on as it would if
nobody led it: the joints brake evenly, and rest together. The base goes on as it drives until it is led elsewhere, or has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.core.control.promise import Motion


@dataclass
class Leaving:
    """See the module's text."""

    rest: np.ndarray  # (D,) what is held, joints first; not copied, so that it may be moved
    way: Motion | None = None  # of the joints, instead of `rest`
    with_base: bool = True  # whether the base takes part in the ramp, beside such a way

    def at(self, instant: int, target: np.ndarray) -> np.ndarray:
        """(D,) at `instant` [ns], of a ramp that leads to `target` (D,)."""
        if self.way is None:
            return self.rest
        joints = self.way.at(instant)[0]
        return np.concatenate([joints, (self.rest if self.with_base else target)[len(joints) :]])

    def copied(self) -> Leaving:
        """One that stays as it is."""
        return Leaving(self.rest.copy(), self.way, self.with_base)

    def shift(self, by: int) -> None:
        """The clock was set by so much [ns]."""
        if self.way is not None:
            self.way = self.way._replace(times=self.way.times + by)
