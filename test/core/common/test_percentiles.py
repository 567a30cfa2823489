"""Percentiles of a window."""

from __future__ import annotations

import numpy as np

from neon_control.core.common.percentiles import Percentiles


def test_percentiles_of_the_last_values_only():
    window = Percentiles(size=100)
    assert np.isnan(window.summary()).all()
    for value in range(1000):
        window.add(float(value))
    assert window.summary() == (949.5, np.percentile(np.arange(900, 1000), 99), 999.0)
