"""Who has the arms; what leads from one state to the other beside what test_driver.py tries with lowstate."""

from __future__ import annotations

import pytest

from neon_control.robots.unitree.engagement import Engagement, State
from neon_control.robots.unitree.problem import Problem
from neon_control.robots.unitree.settings import MOST_WEIGHT_STEP, DriverSettings

SETTINGS = DriverSettings(rate_hz=100.0, settle_time=0.5, engage_time=2.0, release_time=1.5)


def run(engagement: Engagement, count: int, found: Problem | None = None) -> list[float]:
    weights = []
    for _ in range(count):
        engagement.step(found)
        weights.append(engagement.weight)
    return weights


def engaged() -> Engagement:
    made = Engagement(SETTINGS)
    run(made, 251)
    assert made.state is State.ENGAGED
    return made


def test_a_problem_on_the_way_up_leads_down_from_there() -> None:
    engagement = Engagement(SETTINGS)
    top = run(engagement, 120)[-1]
    down = run(engagement, 300, Problem("estop", ""))

    assert 0.3 < top < 0.4 and max(down) < top and down[-1] == 0.0
    assert engagement.state is State.WAITING


def test_a_problem_that_ends_while_the_weight_goes_down_does_not_turn_it() -> None:
    engagement = engaged()
    run(engagement, 10, Problem("lowstate", ""))
    weights = run(engagement, 150)

    assert weights == sorted(weights, reverse=True) and weights[-1] == 0.0


def test_a_latched_problem_that_comes_second_counts() -> None:
    engagement = engaged()
    run(engagement, 10, Problem("lowstate", ""))
    run(engagement, 200, Problem("motor_error", "", latched=True))

    assert engagement.state is State.FAULT and engagement.problem is not None and engagement.problem.cause == "motor_error"


def test_the_last_messages_have_the_weight_zero() -> None:
    engagement = engaged()
    sent = []
    for _ in range(300):
        engagement.step(Problem("estop", ""))
        if engagement.sending:
            sent.append(engagement.weight)

    assert sent.count(0.0) >= 10


@pytest.mark.parametrize("latched", [True, False])
def test_a_release_that_is_asked_for_ends_in_released_even_while_something_is_wrong(latched: bool) -> None:
    engagement = engaged()
    engagement.release(Problem("stop", ""))
    run(engagement, 200, Problem("x", "", latched))

    assert engagement.idle
    assert engagement.state is State.RELEASED


def test_a_driver_that_waits_is_released_at_once() -> None:
    engagement = Engagement(SETTINGS)
    engagement.release(Problem("stop", ""))
    assert engagement.idle
    run(engagement, 1)
    assert engagement.state is State.RELEASED and not engagement.sending


def test_on_the_way_down_messages_that_were_left_out_are_made_up_for_as_far_as_a_step_may_be() -> None:
    few, many = engaged(), engaged()
    few.step(Problem("estop", ""), periods=2)
    many.step(Problem("estop", ""), periods=100)

    assert few.weight == pytest.approx(1.0 - 2 / 150) and many.weight == pytest.approx(1.0 - MOST_WEIGHT_STEP)


def test_on_the_way_up_they_are_not() -> None:
    engagement = Engagement(SETTINGS)
    run(engagement, 100)
    before = engagement.weight
    engagement.step(None, periods=100)

    assert engagement.weight - before == pytest.approx(1 / 200)
