"""Usual intervals and gaps of streams that come evenly, in turns early and late, in pairs, and with something missing."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.recordings.rhythm import rhythm_of

EVEN = np.full(99, 0.1)


@pytest.mark.parametrize("intervals", [EVEN, np.tile([0.08, 0.12], 50), np.tile([0.0, 0.2], 50), np.r_[EVEN, 0.14]])
def test_messages_that_come_on_the_whole_evenly_have_no_gap_and_their_mean_interval(intervals: np.ndarray) -> None:
    rhythm = rhythm_of(intervals)
    assert not rhythm.is_gap.any() and rhythm.period == pytest.approx(intervals.mean())


@pytest.mark.parametrize("missing", [0.3, 5.0])
def test_a_gap_is_found_and_does_not_change_what_is_usual(missing: float) -> None:
    rhythm = rhythm_of(np.r_[EVEN, missing, EVEN])
    assert np.flatnonzero(rhythm.is_gap).tolist() == [99] and rhythm.period == pytest.approx(0.1)
    fast = rhythm_of(np.r_[EVEN / 10, 0.05, EVEN / 10])
    assert not fast.is_gap.any(), "longer than several usual ones, by less than 0.05 s: a busy computer"


def test_less_than_two_messages_have_no_rhythm() -> None:
    assert np.isnan(rhythm_of(np.zeros(0)).period) and not len(rhythm_of(np.zeros(0)).is_gap)
