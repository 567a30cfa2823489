"""What a LeRobot dataset says of each feature's values."""

from __future__ import annotations

from typing import Any

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def statistics(values: np.ndarray) -> dict[str, list[Any]]:
    """What LeRobot keeps of a feature (T, D) or (T,): per dimension; of images (T, H, W, 3) per channel as (3, 1, 1), in [0, 1]."""
    image = values.ndim == 4
    flat = values.reshape(-1, 3) / 255.0 if image else values.reshape(len(values), -1).astype(np.float64)
    found = {"min": flat.min(axis=0), "max": flat.max(axis=0), "mean": flat.mean(axis=0), "std": flat.std(axis=0)}
    found |= dict(zip(QUANTILES, np.quantile(flat, list(QUANTILES.values()), axis=0), strict=True))
    shaped = {k: (v.reshape(3, 1, 1) if image else v).tolist() for k, v in found.items()}
    return {**shaped, "count": [len(values)]}
