"""What the charts are given."""

from __future__ import annotations

import numpy as np

from neon_control.monitor.plots import SPAN, History, _reach


def test_a_curve_that_is_not_known_at_first_or_never_does_not_begin_with_a_gap_but_keeps_all_others() -> None:
    history = History(rate=1.0, columns=3)
    for second in range(6):
        history.add(100.0 + second, (None if second in (0, 1, 3) else 0.1 * second, None, 7.0))
    times, late, never = history.curves(105.0, (0, 1))
    assert np.array_equal(times, [-5.0, -4.0, -3.0, -2.0, -1.0, 0.0])
    assert np.allclose(late, [0.2, np.nan, 0.2, np.nan, 0.4, 0.5], equal_nan=True)
    assert np.isfinite(never).tolist() == [True] + 5 * [False]
    assert history.curves(106.0 + SPAN, (0, 1))[1].size == 0


def test_an_axis_does_not_magnify_noise_and_begins_at_zero_for_what_is_never_negative() -> None:
    still, latency = np.array([0.5, 0.501, 0.5]), np.array([np.nan, 80.0, 120.0])
    assert np.allclose(_reach([still], least=0.1)[:2], [0.4505, 0.5505])
    assert np.array_equal(_reach([latency]), [0.0, 120.0, np.nan], equal_nan=True)
    assert np.array_equal(_reach([np.full(3, np.nan)])[:2], [0.0, 1.0])
    assert np.array_equal(_reach([still], span=1.5)[:2], [-1.5, 1.5])
    assert _reach([np.zeros(0)]).size == 0
