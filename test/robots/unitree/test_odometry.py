"""Where the base is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neon_control.robots.unitree.odometry import INTEGRATED, MEASURED, BaseOdometry

SECOND = 10**9


def test_a_quarter_of_a_circle_is_integrated() -> None:
    odometry, steps = BaseOdometry(), 1000
    velocity = np.array([0.5, 0.0, 0.25 * math.pi])  # radius 2 / pi [m]
    for number in range(steps + 1):
        pose = odometry.update(number * 2 * SECOND // steps, velocity)

    assert pose.source == INTEGRATED
    np.testing.assert_allclose(pose.position, [2 / math.pi, 2 / math.pi, 0.0], atol=1e-6)
    assert pose.orientation == pytest.approx((0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)))


def test_what_the_robot_measures_counts_while_it_does() -> None:
    odometry = BaseOdometry()
    odometry.measure(0, [1.0, 2.0, 0.7], [1.0, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.2])

    assert odometry.update(SECOND // 4, np.zeros(3)).source == MEASURED
    assert odometry.update(SECOND // 4, np.zeros(3)).position.tolist() == [1.0, 2.0, 0.7]
    assert odometry.update(SECOND, np.zeros(3)).source == INTEGRATED


@pytest.mark.parametrize("orientation", [(0.0, 0.0, 0.0, 0.0), (0.1, 1.0, 0.3, 0.4), (float("nan"), 0.0, 0.0, 1.0)])
def test_numbers_that_are_no_orientation_are_refused(orientation: tuple[float, ...]) -> None:
    odometry = BaseOdometry()
    odometry.measure(0, [0.0] * 3, orientation, [0.0] * 3, [0.0] * 3)

    assert odometry.refused == 1 and odometry.update(0, np.zeros(3)).source == INTEGRATED
