"""Percentiles of the last measurements, for diagnostics."""

from __future__ import annotations

import numpy as np


class Percentiles:
    """A window over the last `size` values of one quantity."""

    def __init__(self, size: int = 2000) -> None:
        self._values = np.zeros(size)
        self._count = 0

    def add(self, value: float) -> None:
        """Take one value; the oldest makes room."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    def summary(self) -> tuple[float, float, float]:
        """p50, p99 and maximum of the window; NaN before the first value."""
        window = self._values[: min(self._count, len(self._values))]
        if not len(window):
            return (np.nan, np.nan, np.nan)
        p50, p99 = np.percentile(window, (50, 99))
        return (float(p50), float(p99), float(window.max()))
