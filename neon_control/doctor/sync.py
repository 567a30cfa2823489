"""How far apart in time two streams are that belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Skew:
    """Of each message of one stream, how far the nearest one of another stream is."""

    median_s: float
    worst_s: float  # nine of ten are nearer


def skew(times: np.ndarray, others: np.ndarray) -> Skew:
    """Of `times` (n,) [s] to the nearest of `others` (m,) [s]; NaN where one of them is empty.

    Only times between the first and the last of `others` count: a stream that ends early is told by its gaps.
    """
    grid = np.sort(others)
    inside = times[(times >= grid[0]) & (times <= grid[-1])] if len(grid) else times[:0]
    if not len(inside):
        return Skew(np.nan, np.nan)
    right = np.clip(np.searchsorted(grid, inside), 1, len(grid) - 1) if len(grid) > 1 else np.zeros(len(inside), np.intp)
    left = np.maximum(right - 1, 0)
    distance = np.minimum(np.abs(inside - grid[left]), np.abs(grid[right] - inside))
    return Skew(float(np.median(distance)), float(np.quantile(distance, 0.9)))
