import math

import pytest

from neon_control.demo.corrections import LATE, LISTENING, PATIENCE, WRONG, Danger
from neon_control.sim.episode import LIMITS, RADIUS

COLOURS = ("red", "blue")


def truth(elapsed: float, target: float, other: float = 1.0, outcome: str = "running", task: str = "reach") -> dict:
    return {"task": task, "outcome": outcome, "elapsed": elapsed, "target": "red", "distances": {"red": target, "blue": other}}


def first(steps: list[dict], danger: Danger | None = None) -> tuple[float, str]:
    """When there is a reason for the first time, and which."""
    danger = danger or Danger(steps[0]["task"])
    return next(((s["elapsed"], reason) for s in steps if (reason := danger.reason(s))), (math.inf, ""))


def test_who_comes_nearer_is_left_alone_and_who_stands_still_is_not() -> None:
    times = [0.1 * i for i in range(60)]
    assert first([truth(t, 0.6 - 0.1 * t) for t in times]) == (math.inf, "")
    when, why = first([truth(t, 0.6) for t in times])
    assert why == "distance" and when == pytest.approx(LISTENING + PATIENCE["reach"], abs=0.11)
    when, why = first([truth(t, max(0.6 - 0.2 * t, 0.3)) for t in times])  # it stops half way, after 1.5 s
    assert why == "distance" and when == pytest.approx(1.5 + PATIENCE["reach"], abs=0.21)


def test_who_has_arrived_may_stay() -> None:
    assert first([truth(0.1 * i, 0.9 * RADIUS) for i in range(80)]) == (math.inf, "")


def test_the_wrong_cube_is_a_reason_before_it_is_touched_unless_the_right_one_is_nearer() -> None:
    assert Danger("reach").reason(truth(0.5, 0.3, 0.9 * WRONG)) == "wrong_cube"
    assert Danger("reach").reason(truth(0.5, 0.01, 0.9 * WRONG)) == ""


def test_most_of_the_time_is_a_reason_and_a_trial_that_does_not_run_gives_none() -> None:
    late = LATE * LIMITS["reach"] + 0.1
    danger = Danger("reach")
    for t in range(9):
        assert danger.reason(truth(float(t), 1.0 - 0.1 * t)) == ""
    assert danger.reason(truth(late, 0.1)) == "time"
    for outcome in ("waiting", "success", "timeout"):
        assert Danger("reach").reason(truth(late, 1.0, 0.0, outcome)) == ""


def test_who_is_given_back_the_robot_has_his_time_anew() -> None:
    danger = Danger("reach")
    assert first([truth(0.5 * i, 0.5) for i in range(12)], danger)[1] == "distance"
    danger.given_back(5.0)
    assert first([truth(5.0 + 0.1 * i, 0.3) for i in range(24)], danger) == (math.inf, "")


def test_of_a_task_without_a_distance_the_time_decides() -> None:
    when, why = first([truth(0.1 * i, 0.4, task="pick_place") for i in range(200)])
    assert why == "distance" and when == pytest.approx(LISTENING + PATIENCE["pick_place"], abs=0.11)
