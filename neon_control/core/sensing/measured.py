"""The newest measured position of every joint, each with its own age: drivers may report joints in several messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.errors import ObservationError

MAX_FUTURE = 0.05  # [s] how far ahead of the reader's clock a stamp may lie (clocks of two machines)


class MeasuredJoints:
    """Newest positions (J,) [rad] and their stamps (J,) [ns], columns in the order of `joint_names`.

    Args:
        joint_names: the J joints.
        lower, upper: (J,) [rad] what a measurement can be; beyond it an encoder is not homed, or broken. None: anything finite.
    """

    def __init__(self, joint_names: Sequence[str], lower: np.ndarray | None = None, upper: np.ndarray | None = None) -> None:
        self.joint_names = tuple(joint_names)
        self._lower = np.full(len(self.joint_names), -np.inf) if lower is None else lower
        self._upper = np.full(len(self.joint_names), np.inf) if upper is None else upper
        self.positions = np.full(len(self.joint_names), np.nan)
        self._stamps = np.zeros(len(self.joint_names), dtype=np.int64)  # 0: never
        self._oldest = self._newest = 0  # [ns] of the stamps
        self._columns = {name: i for i, name in enumerate(self.joint_names)}
        self._last_names: list[str] = []
        self._take = self._put = np.zeros(0, dtype=np.intp)

    def update(self, stamp: int, names: Sequence[str], positions: Sequence[float]) -> None:
        """Take a message; joints that are not ours are ignored.

        Raises:
            ObservationError: names and positions differ in number, a joint of ours is named twice, or its position is not finite or
                no position that it can have.
        """
        if len(positions) != len(names):
            raise ObservationError(f"joint_states: {len(positions)} positions for {len(names)} names")
        if names != self._last_names:
            pairs = [(i, self._columns[n]) for i, n in enumerate(names) if n in self._columns]
            columns = [c for _, c in pairs]
            if len(set(columns)) < len(columns):  # as many names as joints, and yet a joint that nobody measured
                twice = sorted({self.joint_names[c] for c in columns if columns.count(c) > 1})
                raise ObservationError(f"joint_states: {twice} named more than once in a message")
            self._last_names = list(names)
            self._take = np.array([i for i, _ in pairs], dtype=np.intp)
            self._put = np.array([c for _, c in pairs], dtype=np.intp)
        values = np.asarray(positions, dtype=np.float64)[self._take]
        if not np.isfinite(values).all():
            bad = [self.joint_names[c] for c, v in zip(self._put, values, strict=True) if not np.isfinite(v)]
            raise ObservationError(f"joint_states: the position of {bad} is not finite")
        lower, upper = self._lower[self._put], self._upper[self._put]
        if not ((lower <= values) & (values <= upper)).all():
            bad = [
                f"{self.joint_names[c]} = {v:.3f}" for c, v, a, b in zip(self._put, values, lower, upper, strict=True) if not a <= v <= b
            ]
            raise ObservationError(f"joint_states: far outside the joint's range: {', '.join(bad)}; is the encoder homed?")
        self.positions[self._put] = values
        self._stamps[self._put] = stamp
        whole = len(self._put) == len(self.joint_names)  # the usual case, and then there is no need to look
        self._oldest, self._newest = (stamp, stamp) if whole else (int(self._stamps.min()), int(self._stamps.max()))

    def forget(self) -> None:
        """Treat all joints as never received (the clock jumped back)."""
        self._stamps[:] = 0
        self._oldest = self._newest = 0

    def stale(self, now: int, max_age: float) -> list[str]:
        """Joints that were never received, or whose stamp is older than `max_age` [s] or lies in the future."""
        oldest, newest = now - max_age * 1e9, now + MAX_FUTURE * 1e9
        return [n for n, stamp in zip(self.joint_names, self._stamps, strict=True) if stamp == 0 or not oldest <= stamp <= newest]

    def is_fresh(self, now: int, max_age: float) -> bool:
        """Whether every joint is known and young enough."""
        return self._oldest > 0 and now - self._oldest <= max_age * 1e9 and self._newest - now <= MAX_FUTURE * 1e9
