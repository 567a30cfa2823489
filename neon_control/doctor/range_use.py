"""Which parts of the joints' ranges a set visits: counted while it is read, so that its length costs no memory."""

from __future__ import annotations

import numpy as np

from neon_control.core.robot.action_space import ActionSpace

BINS = 50  # parts of a joint's range


class RangeUse:
    """Counts of J joints."""

    def __init__(self, space: ActionSpace) -> None:
        count = space.num_joints
        self._lower, self._width = space.lower[:count], (space.upper - space.lower)[:count]
        self._seconds = np.zeros((count, BINS))

    def add(self, states: np.ndarray, step: float) -> None:
        """States (T, J) [rad], `step` [s] apart; what lies outside the range counts at its end."""
        if not len(states):
            return
        places = np.clip((BINS * (states - self._lower) / self._width).astype(np.intp), 0, BINS - 1)
        for joint, column in enumerate(places.T):
            self._seconds[joint] += step * np.bincount(column, minlength=BINS)

    @property
    def share(self) -> np.ndarray:
        """(J, BINS) of the time in each part of the range; 0 before anything was added."""
        return np.asarray(self._seconds / np.maximum(self._seconds.sum(axis=1, keepdims=True), 1e-12))
