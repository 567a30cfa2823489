"""Joints that are not where they were sent."""

from __future__ import annotations

import numpy as np
import pytest
from g1_bench import ROBOT

from neon_control.robots.unitree.settings import DriverSettings
from neon_control.robots.unitree.tracking import Tracking

JOINTS = ("left_elbow_joint", "right_elbow_joint")
SECOND = 10**9


@pytest.fixture
def tracking() -> Tracking:
    return Tracking(ROBOT, JOINTS, DriverSettings(tracking_error_limit=0.5, tracking_time=0.25))


def test_an_error_that_lasts_is_a_problem_that_damps(tracking: Tracking) -> None:
    sent, measured = np.zeros(2), np.array([0.1, -0.6])
    assert tracking.problem(0, sent, measured, 1.0) is None
    found = tracking.problem(SECOND // 4, sent, measured, 1.0)

    assert found is not None and found.latched and found.damping
    assert found.text == "right_elbow_joint is 0.60 rad from its target, limit 0.5 rad"


def test_an_error_that_passes_is_none(tracking: Tracking) -> None:
    sent = np.zeros(2)
    tracking.problem(0, sent, np.ones(2), 1.0)
    tracking.problem(SECOND // 5, sent, np.zeros(2), 1.0)
    assert tracking.problem(SECOND // 4, sent, np.ones(2), 1.0) is None


def test_with_a_small_weight_nobody_can_say(tracking: Tracking) -> None:
    for number in range(10):
        assert tracking.problem(number * SECOND, np.zeros(2), np.ones(2), 0.1) is None
