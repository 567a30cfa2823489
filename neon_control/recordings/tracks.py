"""What was commanded or measured over time, and the targets that are made of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS

HOLD_S = 0.5  # [s] commands further apart do not belong to one motion
NEVER = 2**63 - 1  # [ns]


class Track:
    """Values (D,) over time, linear between knots; the first and the last one are held."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._times: list[int] = []  # [ns] rising
        self._values: list[np.ndarray] = []
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def span(self) -> tuple[int, int] | None:
        """[ns] times of the first and the last knot; None when there is none."""
        return (self._times[0], self._times[-1]) if self._times else None

    @property
    def last(self) -> np.ndarray | None:
        """(D,) of the last knot; None when there is none."""
        return self._values[-1] if self._values else None

    def add(self, start: int, times: Sequence[int], values: Sequence[np.ndarray], hold: bool = False) -> None:
        """Replace everything after `start` [ns] by knots at `times`, as a controller does that is sent another trajectory on its way.

        Worked example, times in ms: of a message that begins at 0 with points at 10 and 60, one that begins at 30 with points at 40
        and 90 leaves the point of 10, and at 30 the value that had been reached by then. With `hold`, a value that was the last one for
        longer than `HOLD_S` stays until `start`.
        """
        reached = self._reached(start) if self._times and self._times[-1] > start else None
        while self._times and (self._times[-1] > start or self._times[-1] >= times[0]):
            self._times.pop()
            self._values.pop()
        if reached is not None and start < times[0] and (not self._times or self._times[-1] < start):
            self._times.append(start)
            self._values.append(reached)
        if hold and self._times and start - self._times[-1] > HOLD_S * NANOSECONDS:
            self._times.append(min(start, times[0] - 1))
            self._values.append(self._values[-1])
        self._times.extend(times)
        self._values.extend(values)
        self._arrays = None

    def _reached(self, time: int) -> np.ndarray:
        """As `at`, for one time [ns] before the last knot, while knots are still being added."""
        right = bisect_right(self._times, time)
        if right == 0:
            return self._values[0]
        before, after = self._times[right - 1], self._times[right]
        weight = (time - before) / (after - before)
        return np.asarray(self._values[right - 1] + weight * (self._values[right] - self._values[right - 1]))

    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        """Times (K,) [ns] and values (K, D)."""
        if self._arrays is None:
            self._arrays = np.array(self._times), np.stack(self._values)
        return self._arrays

    def at(self, times: np.ndarray) -> np.ndarray:
        """(T,) [ns] -> (T, D)."""
        knots, values = self._knots()
        right = np.clip(np.searchsorted(knots, times), 1, max(len(knots) - 1, 1))
        left = right - 1
        right = np.minimum(right, len(knots) - 1)
        weight = np.clip((times - knots[left]) / np.maximum(knots[right] - knots[left], 1), 0.0, 1.0)[:, None]
        return np.asarray(values[left] + weight * (values[right] - values[left]))

    def age(self, times: np.ndarray) -> np.ndarray:
        """(T,) [ns] since the newest knot; negative before the first one."""
        knots, _ = self._knots()
        return np.asarray(times - knots[np.maximum(np.searchsorted(knots, times, side="right") - 1, 0)])


class Targets:
    """Actions of a recording: commands where there are any, else what was measured one step later.

    A joint that no controller was recorded for is to be where it was measured at the next step: the state one `dt` later. The base stands
    still where it was not commanded, and `HOLD_S` after its last command, as base controllers stop by themselves.

    Attributes:
        measured_joints: those without commands.

    Args:
        joint_names: the J joints, in order of the actions.
        base_axes: 3, or 0 on a robot without a base.
        commands, measured: tracks [rad] of commanded joints, and of all J.
        base: track of base velocities [m/s, rad/s]; empty where none were recorded.
    """

    def __init__(self, joint_names: Sequence[str], base_axes: int, commands: Sequence[Track], measured: Track, base: Track) -> None:
        self._joints, self._base_axes, self._base = len(joint_names), base_axes, base
        self._columns: list[tuple[Track, list[int], list[int], bool]] = []  # track, its columns, ours, whether it was measured
        left = list(joint_names)
        for track in (*commands, measured):
            if track is measured:
                self.measured_joints = left
            joints = [n for n in left if n in track.names and track.span]
            if joints:
                ours = [joint_names.index(n) for n in joints]
                self._columns.append((track, [track.names.index(n) for n in joints], ours, track is measured))
                left = [n for n in left if n not in joints]
        self._is_whole = not left

    def at(self, times: np.ndarray, dt: float, until: int = NEVER) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, J + base axes) at `times` (H,) [ns], and mask (H,).

        Nothing is known before the first and after the last command, nor from `until` [ns] on, where the next episode begins, nor where a
        joint was neither commanded nor measured.
        """
        actions = np.zeros((len(times), self._joints + self._base_axes))
        if not self._is_whole:
            return actions, np.zeros(len(times), np.float32)
        step = round(dt * NANOSECONDS)
        spans = [(t.span[0] - step * late, t.span[1] - step * late) for t, _, _, late in self._columns if t.span]
        first, last = max(s[0] for s in spans), min(until - 1, *(s[1] for s in spans))
        mask = ((times >= first) & (times <= last)).astype(np.float32)
        held = np.clip(times, first, max(first, last))
        for track, columns, ours, late in self._columns:
            actions[:, ours] = track.at(held + step * late)[:, columns]
        if self._base_axes and self._base.span:
            age = self._base.age(held)
            moving = (age >= 0) & (age <= HOLD_S * NANOSECONDS)
            actions[moving, self._joints :] = self._base.at(held)[moving]
        return actions, mask
