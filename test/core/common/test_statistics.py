"""Counters and percentiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.statistics import WINDOW, Percentiles, Statistics, percentiles


@given(st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=50))
def test_percentiles_are_those_of_the_recorded_values(values: list[float]) -> None:
    statistics = Statistics()
    for value in values:
        statistics.record(inference_ms=value)
    summary = statistics.summary()
    assert summary["inference_ms/p50"] == pytest.approx(np.percentile(values, 50))
    assert summary["inference_ms/p99"] == pytest.approx(np.percentile(values, 99))


def test_percentiles_of_the_last_values_only() -> None:
    window = Percentiles(size=100)
    assert np.isnan([*percentiles("x", window.values).values()]).all()
    for value in range(1000):
        window.add(float(value))
    assert percentiles("x", window.values) == {"x/p50": 949.5, "x/p99": np.percentile(np.arange(900, 1000), 99), "x/max": 999.0}


def test_only_the_newest_values_count() -> None:
    statistics = Statistics()
    for value in (*[1000.0] * 10, *[1.0] * WINDOW):
        statistics.record(x=value)
    assert statistics.summary()["x/p99"] == 1.0


def test_counters_add_up_and_start_at_zero() -> None:
    statistics = Statistics()
    assert statistics.counter("images") == 0 and statistics.summary() == {}
    statistics.count("images")
    statistics.count("images", 4)
    assert statistics.counter("images") == 5 and statistics.summary() == {"images": 5}
