"""What LeRobot keeps of each feature: smallest, largest, mean, deviation and quantiles, per number, or per channel of images.

Images are counted, not kept: a histogram of 256 levels says all of it exactly, and is as large for a year as for a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
LEVELS = 256


def statistics(values: np.ndarray) -> dict[str, list[Any]]:
    """Of numbers (T, D) or (T,), per column."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    found = {"min": rows.min(axis=0), "max": rows.max(axis=0), "mean": rows.mean(axis=0), "std": rows.std(axis=0)}
    found |= dict(zip(QUANTILES, np.quantile(rows, list(QUANTILES.values()), axis=0), strict=True))
    return {**{k: v.tolist() for k, v in found.items()}, "count": [len(values)]}


class PixelCount:
    """How often each level is in each channel; adds up.

    Attributes:
        images: that were counted.
    """

    def __init__(self) -> None:
        self._levels = np.zeros((3, LEVELS), np.int64)
        self.images = 0

    def add(self, image: np.ndarray) -> None:
        """An image (H, W, 3) uint8, or as much of it as is to count."""
        for channel, levels in enumerate(self._levels):
            levels += np.bincount(image[:, :, channel].reshape(-1), minlength=LEVELS)
        self.images += 1

    def merge(self, other: PixelCount) -> None:
        """All that another one counted."""
        self._levels += other._levels
        self.images += other.images

    def statistics(self) -> dict[str, list[Any]]:
        """Levels from 0 to 1, each value as (3, 1, 1); something must have been counted."""
        scale = np.arange(LEVELS) / (LEVELS - 1.0)
        shares = self._levels / self._levels.sum(axis=1, keepdims=True)
        mean = shares @ scale
        found = {
            "min": self._at(0.0),
            "max": self._at(1.0),
            "mean": mean,
            "std": np.sqrt((shares * (scale - mean[:, None]) ** 2).sum(axis=1)),
        }
        found |= {name: self._at(quantile) for name, quantile in QUANTILES.items()}
        return {**{k: v.reshape(3, 1, 1).tolist() for k, v in found.items()}, "count": [self.images]}

    def _at(self, quantile: float) -> np.ndarray:
        """(3,) between the two nearest of all levels in order, as numpy's quantile has it."""
        result = []
        for levels in self._levels:
            upto = np.cumsum(levels)
            place = quantile * (upto[-1] - 1)
            low, high = (int(np.searchsorted(upto, whole, side="right")) for whole in (np.floor(place), np.ceil(place)))
            result.append((low + (high - low) * (place - np.floor(place))) / (LEVELS - 1.0))
        return np.array(result)
