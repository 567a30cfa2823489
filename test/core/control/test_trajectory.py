"""The curve between points: exact for the polynomials it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.trajectory import Point, Trajectory, between

SECOND = NANOSECONDS


def point(*values: float) -> Point:
    return Point(*(np.array([value]) for value in values))


@pytest.mark.parametrize("degree", [1, 3, 5])
@given(coefficients=st.tuples(*[st.floats(-3, 3)] * 6), u=st.floats(0.0, 1.0), length=st.floats(0.01, 3.0))
def test_a_polynomial_is_reproduced_exactly(degree: int, coefficients: tuple[float, ...], u: float, length: float) -> None:
    polynomial = np.polynomial.Polynomial(coefficients[: degree + 1])
    known = [polynomial.deriv(n) for n in range((degree + 1) // 2)]  # deriv(0) is the polynomial itself
    reached = between(point(*(f(0.0) for f in known)), point(*(f(length) for f in known)), length, u)
    assert reached.positions[0] == pytest.approx(polynomial(u * length), abs=1e-8)
    assert reached.velocities is not None
    assert reached.velocities[0] == pytest.approx(polynomial.deriv()(u * length), abs=1e-5)


def test_velocities_make_the_path_a_cubic() -> None:
    path = Trajectory(np.array([SECOND, 2 * SECOND]), [point(0.0, 0.0), point(1.0, 0.0)])
    assert path.sample(round(1.25 * SECOND)).positions == pytest.approx([0.15625])  # 3u^2 - 2u^3 at u = 1/4
    assert path.sample(round(1.5 * SECOND)).positions == pytest.approx([0.5])


def test_before_the_first_point_the_way_starts_at_the_state_before_and_without_one_at_the_point() -> None:
    path = Trajectory(np.array([SECOND]), [point(1.0)])
    assert path.sample(0).positions == pytest.approx([1.0])
    path.before = 0, point(0.0)
    assert path.sample(SECOND // 4).positions == pytest.approx([0.25])
    assert path.sample(-SECOND).positions == pytest.approx([1.0])  # a state from the future says nothing


def test_after_the_last_point_its_position_is_held_at_rest() -> None:
    path = Trajectory(np.array([0, SECOND]), [point(0.0), point(1.0)])
    for instant in (SECOND, 99 * SECOND):
        held = path.sample(instant)
        assert held.positions.tolist() == [1.0]
        assert held.velocities is not None and held.velocities.tolist() == [0.0]
