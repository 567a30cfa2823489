"""What the charts are given."""

from __future__ import annotations

import numpy as np

from neon_control.tools.monitor.plots import SPAN, History


def test_a_curve_that_is_not_known_at_first_or_never_does_not_begin_with_a_gap_but_keeps_all_others() -> None:
    history = History(rate=1.0, columns=3)
    for second in range(6):
        history.add(100.0 + second, (None if second in (0, 1, 3) else 0.1 * second, None, 7.0))
    times, late, never = history.curves(105.0, (0, 1))
    assert np.array_equal(times, [-5.0, -4.0, -3.0, -2.0, -1.0, 0.0])
    assert np.allclose(late, [0.2, np.nan, 0.2, np.nan, 0.4, 0.5], equal_nan=True)
    assert np.isfinite(never).tolist() == [True] + 5 * [False]
    assert history.curves(106.0 + SPAN, (0, 1))[1].size == 0
