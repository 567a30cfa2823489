"""What a ramp leads away from."""

from __future__ import annotations

import numpy as np

from neon_control.core.control.leaving import Leaving
from neon_control.core.control.promise import Motion

MS = 1_000_000
TARGET = np.array([9.0, 9.0, 9.0])


def braking() -> Motion:
    """One joint from 0 rad at 1 rad/s to rest within 100 ms; another one stands at 2 rad."""
    return Motion(np.array([0, 100 * MS]), np.array([[0.0, 2.0], [0.05, 2.0]]), np.array([[1.0, 0.0], [0.0, 0.0]]))


def test_a_held_pose_stays_and_may_be_moved():
    rest = np.zeros(3)
    leaving = Leaving(rest)
    kept = leaving.copied()
    rest[0] = 1.0
    assert leaving.at(5, TARGET).tolist() == [1.0, 0.0, 0.0] and kept.at(5, TARGET).tolist() == [0.0, 0.0, 0.0]


def test_a_motion_goes_on_to_rest_and_never_back():
    leaving = Leaving(np.array([0.0, 0.0, 0.3]), braking())
    rows = np.array([leaving.at(t * MS, TARGET) for t in range(0, 200)])
    assert (np.diff(rows[:, 0]) >= 0.0).all() and rows[-1].tolist() == [0.05, 2.0, 0.3]
    assert abs(rows[1, 0] - 0.001) < 1e-5, "with the velocity that it had"


def test_the_base_takes_part_or_is_led_at_once():
    assert Leaving(np.array([0.0, 0.0, 0.3]), braking(), with_base=False).at(0, TARGET).tolist() == [0.0, 2.0, 9.0]


def test_a_clock_that_is_set_moves_the_motion_with_it():
    leaving = Leaving(np.zeros(3), braking())
    leaving.shift(-3_600_000 * MS)
    np.testing.assert_allclose(leaving.at(-3_600_000 * MS + 100 * MS, TARGET)[0], 0.05)
