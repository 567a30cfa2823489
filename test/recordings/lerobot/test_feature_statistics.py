"""Statistics of an exported dataset: numpy's own, also where pixels were only counted."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.recordings.lerobot.feature_statistics import QUANTILES, PixelCount, statistics


def test_statistics_of_numbers_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3))
    found = statistics(values)
    assert found["mean"] == pytest.approx(values.mean(axis=0)) and found["std"] == pytest.approx(values.std(axis=0))
    assert found["q90"] == pytest.approx(np.quantile(values, 0.9, axis=0)) and found["count"] == [500]


@pytest.mark.parametrize("levels", [256, 7, 1])
def test_statistics_of_counted_pixels_are_those_of_numpy(levels: int) -> None:
    images = np.random.default_rng(0).integers(0, levels, (5, 6, 7, 3), dtype=np.uint8)
    counts = PixelCount(), PixelCount()
    for number, image in enumerate(images):
        counts[number % 2].add(image)
    counts[0].merge(counts[1])
    found = {name: np.array(value) for name, value in counts[0].statistics().items()}
    pixels = images.reshape(-1, 3) / 255.0
    expected = {"min": pixels.min(axis=0), "max": pixels.max(axis=0), "mean": pixels.mean(axis=0), "std": pixels.std(axis=0)}
    expected |= {name: np.quantile(pixels, quantile, axis=0) for name, quantile in QUANTILES.items()}
    for name, values in expected.items():
        assert found[name].shape == (3, 1, 1) and found[name].ravel() == pytest.approx(values, abs=1e-12), name
    assert found["count"].tolist() == [5]
