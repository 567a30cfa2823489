"""A trajectory as a joint trajectory controller reads it: points that are due at instants, and the curve between two of them.

| known at both ends                    | the curve is             |
|---------------------------------------|--------------------------|
| positions                             | a straight line          |
| and velocities                        | a cubic                  |
| and accelerations                     | a quintic                |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS


class Point(NamedTuple):
    """What J joints do at one instant; None where it is not known."""

    positions: np.ndarray  # (J,) [rad]
    velocities: np.ndarray | None = None  # (J,) [rad/s]
    accelerations: np.ndarray | None = None  # (J,) [rad/s^2]


class Trajectory:
    """H points. After the last one its position is held; before the first one `before` matters, a state and its instant.

    Args:
        times: (H,) [ns], increasing.
        points: H of them.
    """

    def __init__(self, times: np.ndarray, points: list[Point]) -> None:
        self.times, self.points = times, points
        self.before: tuple[int, Point] | None = None

    @property
    def end(self) -> int:
        """[ns] of the last point."""
        return int(self.times[-1])

    def sample(self, instant: int) -> Point:
        """Positions and velocities at `instant` [ns]."""
        right = int(np.searchsorted(self.times, instant, side="right"))
        if right == len(self.times):
            last = self.points[-1].positions
            return Point(last, np.zeros(len(last)))
        if right:
            begin, start = int(self.times[right - 1]), self.points[right - 1]
        elif self.before is None or instant <= self.before[0]:
            return self.points[0]
        else:
            begin, start = self.before
        length = int(self.times[right]) - begin
        return between(start, self.points[right], length / NANOSECONDS, (instant - begin) / length)


def between(start: Point, end: Point, length: float, share: float) -> Point:
    """Positions and velocities on the curve from `start` to `end`, which takes `length` [s], after a `share` of it.

    A polynomial sum(c_i u^i) in u = 0 to 1, whose value and first derivatives at both ends are those given.
    """
    p, d, zero = start.positions, end.positions - start.positions, np.zeros(len(start.positions))
    if start.velocities is None or end.velocities is None:
        coefficients = [p, d]
    else:
        v0, v1 = start.velocities * length, end.velocities * length
        if start.accelerations is None or end.accelerations is None:
            coefficients = [p, v0, 3 * d - 2 * v0 - v1, v0 + v1 - 2 * d]
        else:
            a0, a1 = 0.5 * start.accelerations * length**2, 0.5 * end.accelerations * length**2
            cubic = 10 * d - 6 * v0 - 4 * v1 - 3 * a0 + a1
            quartic = -15 * d + 8 * v0 + 7 * v1 + 3 * a0 - 2 * a1
            coefficients = [p, v0, a0, cubic, quartic, 6 * d - 3 * v0 - 3 * v1 - a0 + a1]
    position, slope = zero, zero
    for coefficient in reversed(coefficients):  # Horner, for the value and its derivative
        slope = slope * share + position
        position = position * share + coefficient
    return Point(position, slope / length)
