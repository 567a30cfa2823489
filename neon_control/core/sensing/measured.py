"""The newest measured position of every joint, each with its own age: drivers may report joints in several messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS
from neon_control.core.sensing.joint_message import JointPicker, Positions

MAX_FUTURE = 0.05  # [s] how far ahead of the reader's clock a stamp may lie (clocks of two machines)


class MeasuredJoints:
    """Newest positions (J,) [rad] and their stamps (J,) [ns], columns in the order of `joint_names`; arguments as of `JointPicker`."""

    def __init__(self, joint_names: Sequence[str], lower: np.ndarray | None = None, upper: np.ndarray | None = None) -> None:
        self.joint_names = tuple(joint_names)
        self._picker = JointPicker(joint_names, lower, upper)
        self.positions = np.full(len(self.joint_names), np.nan)
        self._stamps = np.zeros(len(self.joint_names), dtype=np.int64)  # 0: never
        self._oldest = self._newest = 0  # [ns] of the stamps

    def update(self, stamp: int, names: Sequence[str], positions: Positions) -> None:
        """Take what a message says about our joints; what is older than a joint's newest measurement changes nothing.

        Raises:
            ObservationError: see `JointPicker.pick`.
        """
        layout, values = self._picker.pick(names, positions)
        columns, count = layout.columns, layout.count
        if stamp < self._newest:  # not the newest message, but perhaps the newest of these joints
            held = self._stamps[columns]
            newer = (stamp >= held) | (held - stamp >= JUMP_BACK_S * NANOSECONDS)
            columns, values, count = columns[newer], values[newer], int(newer.sum())
        if not count:
            return
        self.positions[columns] = values
        self._stamps[columns] = stamp
        whole = count == len(self.joint_names)  # the usual case, and then there is no need to look
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
