"""Shares of successes, against figures from the literature and what has to hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.proportions import difference, fisher, wilson

SHARES = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("share", "interval"),
    [((81, 263), (0.2553, 0.3662)), ((15, 148), (0.0624, 0.1605)), ((0, 20), (0.0, 0.1611)), ((1, 29), (0.0061, 0.1718))],
)
def test_intervals_are_those_of_newcombe_s_paper_on_one_share(share: tuple[int, int], interval: tuple[float, float]) -> None:
    assert wilson(*share) == pytest.approx(interval, abs=5e-5)


def test_a_difference_has_the_interval_of_newcombe_s_paper_on_two_shares() -> None:
    assert difference((48, 80), (56, 70)) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert difference((0, 20), (0, 10))[1:] == pytest.approx((-0.1611, 0.2775), abs=5e-5)


def test_fisher_s_own_table_of_a_lady_tasting_tea() -> None:
    assert fisher((3, 4), (1, 4)) == pytest.approx(34 / 70)
    assert fisher((4, 4), (0, 4)) == pytest.approx(2 / 70)


@given(SHARES, SHARES)
def test_the_test_is_that_of_scipy_whichever_comes_first(first: tuple[int, int], second: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    table = [[first[0], first[1] - first[0]], [second[0], second[1] - second[0]]]
    assert fisher(first, second) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)
    assert fisher(first, second) == pytest.approx(fisher(second, first))


@given(SHARES, SHARES)
def test_intervals_hold_their_share_and_mirror(first: tuple[int, int], second: tuple[int, int]) -> None:
    low, high = wilson(*first)
    assert 0.0 <= low <= first[0] / first[1] <= high <= 1.0
    assert wilson(first[1] - first[0], first[1]) == pytest.approx((1.0 - high, 1.0 - low))
    middle, lower, upper = difference(first, second)
    assert lower <= middle <= upper
    assert difference(second, first) == pytest.approx((-middle, -upper, -lower))


def test_nothing_is_known_without_a_trial() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
