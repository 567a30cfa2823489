"""Joints that turn without end: a position and the same a whole turn further are one place, and the way between two is the nearest.

Worked example: a driver that wraps reports 3.1, then -3.1 rad. Next to 3.1 that is 3.183, so the joint has moved by 0.083 rad, and a
policy that wants -3.0 wants 3.283: a tenth of a radian on, and not six back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

TURN = 2.0 * math.pi  # [rad]
UNBOUNDED = 1e6  # [rad] range of a joint without ends: the limiter's arithmetic needs one; 27 hours at 10 rad/s
TOO_FAR = 0.75 * TURN  # [rad] from the command to a target that has gone round faster than the joint can follow


def near(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`values` moved by whole turns to within half a turn of `reference`, both [rad]; where that is not finite, as they are."""
    turns = np.rint((reference - values) / TURN)
    return np.asarray(np.where(np.isfinite(turns), values + TURN * turns, values))


def within(values: np.ndarray, lower: np.ndarray | float) -> np.ndarray:
    """`values` moved by whole turns into [lower, lower + TURN); what lies there already is not touched, to the last bit."""
    turns = np.floor((values - lower) / TURN)
    return np.asarray(np.where(turns == 0.0, values, values - TURN * turns))


def unrolled(rows: np.ndarray, columns: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Rows (H, J) in which the joints `columns` go on from row to row by the nearest way, the first one next to `reference` (J,)."""
    result = np.array(rows, dtype=np.float64)
    turning = np.unwrap(result[:, columns], axis=0)
    if reference is not None:
        turning += near(turning[0], reference[columns]) - turning[0]
    result[:, columns] = turning
    return result


class Aim:
    """The target of joints some of which turn without end, as one motion.

    It goes on from the target before by the nearest way, so that a target half a turn away does not flicker between both ways; and it never
    makes up for turns that the joint has missed.

    Args:
        turning: (J,) whether a joint turns without end.
    """

    def __init__(self, turning: Sequence[bool]) -> None:
        self._turning, self._columns = turning, np.flatnonzero(turning)
        self._last: np.ndarray | None = None

    def restart(self) -> None:
        """The next target is taken next to the command."""
        self._last = None

    def beside(self, target: np.ndarray, commanded: np.ndarray) -> np.ndarray:
        """`target` (J,) [rad] next to what was commanded (J,) [rad] last, whatever was aimed at before."""
        return Aim(self._turning).next(target, commanded)

    def next(self, target: np.ndarray, commanded: np.ndarray) -> np.ndarray:
        """`target` (J,) [rad] next to the one before, or else to what was commanded (J,) [rad] last."""
        if not self._columns.size:  # the usual robot
            return target
        here = commanded[self._columns]
        wanted = near(target[self._columns], here if self._last is None else self._last)
        wanted = np.where(np.abs(wanted - here) > TOO_FAR, near(wanted, here), wanted)
        self._last = wanted
        result = np.array(target, dtype=np.float64)
        result[self._columns] = wanted
        return result
