"""What trajectory controllers have been told: one motion in absolute time, of which every message shows a window.

Executor and controllers share a motion M(t) on the clock of the stamps: knots (time, position, velocity) with constant acceleration in
between, then the way to rest. Each message holds the knots of the last `WINDOW` seconds, those that follow up to its *end*, and the
way to rest from there. Messages agree everywhere up to the end of the one before. So whatever instant a controller samples, and
whenever it takes up a message, it stays on one motion, as long as a new message arrives before the end of the last one:

    now - WINDOW       now                 splice        end
         |--------------|--------------------|------------|~~~~~~~~~~~~| at rest
             told before, and told again        new          if nothing follows

After a stall the controllers are, or soon will be, on their way to rest. Nothing is pulled back then: the motion goes on along what
each of them was told, until a splice that lies far enough ahead, and continues from there. A controller that a message did not reach keeps
its older motion, which is why that is remembered for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.limits import RestPath

WINDOW = round(0.01 * NANOSECONDS)  # [ns] of the past: clocks may differ by so much, and the first point is still due already
_ROWS = 512  # of the buffer; a window has some ten to fifty


class Motion(NamedTuple):
    """K knots of J joints; at rest before the first one and after the last one."""

    times: np.ndarray  # (K,) [ns], increasing
    positions: np.ndarray  # (K, J) [rad]
    velocities: np.ndarray  # (K, J) [rad/s]

    @classmethod
    def after(cls, instant: int, rest: RestPath) -> Motion:
        """The way to rest that begins at `instant` [ns], without its beginning."""
        return cls(instant + np.rint(rest.times * NANOSECONDS).astype(np.int64), rest.values, rest.rates)

    def from_start(self, instant: int, value: np.ndarray, rate: np.ndarray) -> Motion:
        """The same, after `value` (J,) with `rate` (J,) at `instant` [ns]."""
        return Motion(np.append(instant, self.times), np.vstack([value, self.positions]), np.vstack([rate, self.velocities]))

    def at(self, instant: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (J,) at `instant` [ns]: between two knots on the cubic that a controller draws."""
        right = int(self.times.searchsorted(instant, side="right"))
        if right == 0:
            return self.positions[0], np.zeros_like(self.velocities[0])
        if right == len(self.times):
            return self.positions[-1], np.zeros_like(self.velocities[-1])
        begin, end = self.positions[right - 1], self.positions[right]
        length = float(self.times[right] - self.times[right - 1]) / NANOSECONDS
        u = float(instant - self.times[right - 1]) / NANOSECONDS / length
        v0, v1 = self.velocities[right - 1], self.velocities[right]
        d = (end - begin) / length
        value = begin + length * u * (v0 + u * (3.0 * d - 2.0 * v0 - v1 + u * (v0 + v1 - 2.0 * d)))
        return value, v0 + u * (6.0 * d - 4.0 * v0 - 2.0 * v1 + 3.0 * u * (v0 + v1 - 2.0 * d))

    def since(self, instant: int) -> Motion:
        """The same from `instant` [ns] on, which becomes the first knot."""
        later = int(self.times.searchsorted(instant, side="right"))
        return Motion(*(column[later:] for column in self)).from_start(instant, *self.at(instant))


class Promise:
    """See the module's text.

    Args:
        controllers: name -> (A,) places of its joints among the J.
        size: J.
    """

    def __init__(self, controllers: Mapping[str, np.ndarray], size: int) -> None:
        self._controllers = controllers
        self._times = np.zeros(_ROWS, dtype=np.int64)
        self._values, self._rates = np.zeros((2, _ROWS, size))
        self._count = 0
        self._told: dict[str, tuple[int, Motion]] = {}  # controller -> [ns] up to which the knots are his, and what follows them
        self._before: dict[str, tuple[int, Motion]] = {}  # the same without the newest message
        self.end = 0  # [ns] of the newest knot
        self.motion: Motion | None = None  # the newest window with its way to rest

    def begin(self, instant: int, value: np.ndarray) -> None:
        """Stand at `value` (J,) until `instant` [ns]: nothing was told before."""
        self._count = 0
        self._told, self._before, self.motion = {}, {}, None
        rest = np.zeros_like(value)
        self.add(instant - 4 * WINDOW, value, rest)
        self.add(instant, value, rest)

    def add(self, instant: int, value: np.ndarray, rate: np.ndarray) -> None:
        """The next knot."""
        if self._count == _ROWS:
            kept = _ROWS // 2
            for rows in (self._times, self._values, self._rates):
                rows[:kept] = rows[-kept:].copy()
            self._count = kept
        row, self._count = self._count, self._count + 1
        self._times[row], self._values[row], self._rates[row] = instant, value, rate
        self.end = instant

    def close(self, now: int, tail: Motion) -> Motion:
        """What is told at `now` [ns] to every controller: the window, and the way to rest that follows the newest knot."""
        count, first = self._count, max(int(self._times[: self._count].searchsorted(now - WINDOW, side="right")) - 1, 0)
        self._before, told = self._told, (self.end, tail)
        self._told = dict.fromkeys(self._controllers, told)
        self.motion = Motion(
            np.concatenate((self._times[first:count], tail.times)),
            np.concatenate((self._values[first:count], tail.positions)),
            np.concatenate((self._rates[first:count], tail.velocities)),
        )
        return self.motion

    def withdraw(self, controller: str) -> None:
        """The newest message was not sent to this one: his motion is still the one before."""
        if controller in self._before:
            self._told[controller] = self._before[controller]

    def stood(self, controller: str, motion: Motion) -> None:
        """This one knows no way to rest, and has stood still; he is going to follow `motion`."""
        self._told[controller] = 0, motion

    @property
    def rested(self) -> int:
        """[ns] after which nobody moves any more."""
        return max((int(tail.times[-1]) for _, tail in (*self._told.values(), *self._before.values())), default=0)

    def near(self, now: int) -> tuple[np.ndarray, np.ndarray]:
        """The newest knot (J,), (J,) that is due at `now` [ns]."""
        row = max(int(self._times[: self._count].searchsorted(now, side="right")) - 1, 0)
        return self._values[row], self._rates[row]

    def since(self, instant: int) -> tuple[np.ndarray, np.ndarray]:
        """Times (K,) [ns] and positions (K, J) of the newest knots, from the last one before `instant` [ns] on, as copies."""
        first = max(int(self._times[: self._count].searchsorted(instant, side="right")) - 1, 0)
        return self._times[first : self._count].copy(), self._values[first : self._count].copy()

    def is_continued(self, now: int, lead: int) -> bool:
        """Whether everybody was told everything, and the newest knot lies far enough ahead to go on from."""
        return self.end >= now + lead // 2 and all(end == self.end for end, _ in self._told.values())

    def resume(self, now: int, lead: int) -> tuple[np.ndarray, np.ndarray]:
        """Go on along what each was told, up to a splice at least `lead` / 2 ahead of `now` [ns]; the state (J,), (J,) there."""
        splice = max((end for end, _ in self._told.values()), default=0)
        if splice < now + lead // 2:
            splice = now + lead
        times = self._times[: self._count]
        paths = {name: self._path(end, tail) for name, (end, tail) in self._told.items()}
        begin = now - 2 * WINDOW
        instants = np.unique(np.concatenate([[begin, splice], *(path.times for path in paths.values())]))
        instants = instants[(instants >= begin) & (instants <= splice)]
        default = Motion(times.copy(), self._values[: self._count].copy(), self._rates[: self._count].copy())
        rows = []
        for instant in instants.tolist():
            value, rate = (column.copy() for column in default.at(instant))
            for name, columns in self._controllers.items():
                if name in paths:
                    reached, speed = paths[name].at(instant)
                    value[columns], rate[columns] = reached[columns], speed[columns]
            rows.append((instant, value, rate))
        self._count = 0
        for row in rows:
            self.add(*row)
        return rows[-1][1], rows[-1][2]

    def _path(self, end: int, tail: Motion) -> Motion:
        known = int(self._times[: self._count].searchsorted(end, side="right"))
        rows = (self._times[:known], self._values[:known], self._rates[:known])
        return Motion(*(np.concatenate(pair) for pair in zip(rows, tail, strict=True)))

    def shift(self, by: int) -> None:
        """The clock was set by so much [ns], and the motion goes on."""
        self._times[: self._count] += by
        self.end += by
        for told in (self._told, self._before):
            for name, (end, tail) in told.items():
                told[name] = end + by, tail._replace(times=tail.times + by)
