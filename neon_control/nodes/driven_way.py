"""Where the base has been over the last seconds, by odometry."""

from __future__ import annotations

from collections import deque

import numpy as np

KEPT = 3.0  # [s]
MOST_POSES = 200  # 3 s at the highest rate of the node's parameter, and a bound where a clock runs ahead


class DrivenWay:
    """Poses (3,) x, y, yaw [m, m, rad] by their stamps."""

    def __init__(self) -> None:
        self._poses: deque[tuple[int, np.ndarray]] = deque(maxlen=MOST_POSES)

    def add(self, stamp: int, pose: np.ndarray) -> None:
        """A pose at `stamp` [ns]; one that is there already counts once."""
        if self._poses and stamp < self._poses[-1][0]:
            self._poses.clear()  # another run of the clock
        if not self._poses or stamp > self._poses[-1][0]:
            self._poses.append((stamp, pose))

    def poses(self, now: int) -> np.ndarray:
        """(P, 3) those of the last `KEPT` seconds before `now` [ns], oldest first; none where odometry is silent."""
        while self._poses and now - self._poses[0][0] > KEPT * 1e9:
            self._poses.popleft()
        return np.array([pose for _, pose in self._poses]).reshape(-1, 3)
