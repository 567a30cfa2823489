"""Tables of set points: one row a quantity, one column a motor."""

from __future__ import annotations

import numpy as np

from neon_control.sim.unitree.set_points import DQ, KD, KP, MOTORS, TAU, Q, blended, set_points


def test_what_is_not_given_is_zero() -> None:
    points = set_points(np.arange(MOTORS), 60.0)
    assert np.array_equal(points[Q], np.arange(MOTORS))
    assert (points[KP] == 60.0).all()
    assert not points[[DQ, TAU, KD]].any()


def test_a_blend_is_one_end_or_the_other_or_in_between_for_each_motor() -> None:
    share = np.linspace(0.0, 1.0, MOTORS)
    points = blended(set_points(0.0), set_points(1.0), share)
    assert np.allclose(points[Q], share)
