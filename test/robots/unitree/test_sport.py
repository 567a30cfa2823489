"""The robot's sport service, as a client sees it."""

from __future__ import annotations

import json

import pytest

from neon_control.robots.unitree.settings import DAMP, STAND_UP, START, DriverSettings
from neon_control.robots.unitree.sport import GET_STATE, SET_STATE, SET_VELOCITY, Answer, Sport

SECOND = 10**9


def knows(state: int, now: int = 0) -> Sport:
    sport = Sport(DriverSettings(), 100)
    call = sport.ask(now)
    assert call is not None
    assert sport.answer(now, Answer(call.id, GET_STATE, 0, json.dumps({"data": state})))
    return sport


def test_requests_are_numbered_and_say_what_the_robot_expects() -> None:
    sport = Sport(DriverSettings(), 100)
    velocity, stand = sport.velocity([0.1, 0.0, -0.2], 0.4), sport.set_state(STAND_UP)

    assert (velocity.id, velocity.api, json.loads(velocity.parameter)) == (
        100,
        SET_VELOCITY,
        {"velocity": [0.1, 0.0, -0.2], "duration": 0.4},
    )
    assert (stand.id, stand.api, json.loads(stand.parameter)) == (101, SET_STATE, {"data": 4})


def test_the_state_is_asked_for_twice_a_second() -> None:
    sport = Sport(DriverSettings(), 0)

    assert [sport.ask(n * SECOND // 10) is not None for n in range(11)] == [n in (0, 5, 10) for n in range(11)]


def test_a_robot_that_stands_is_no_problem_until_it_was_silent_for_too_long() -> None:
    sport = knows(500)

    assert sport.problem(5 * SECOND) is None
    found = sport.problem(5 * SECOND + 1)
    assert found is not None and found.cause == "not_standing" and not found.latched


@pytest.mark.parametrize("state", [0, 1, 4, 702])
def test_other_states_are_a_problem(state: int) -> None:
    found = knows(state).problem(0)

    assert found is not None and found.text == f"the robot's machine is in state {state}, and stands in [500, 501, 801]"


def test_a_service_that_knows_no_such_question_is_named_with_its_code() -> None:
    sport = Sport(DriverSettings(), 0)
    call = sport.ask(0)
    assert call is not None
    sport.answer(0, Answer(call.id, GET_STATE, 3203, ""))
    found = sport.problem(0)

    assert found is not None and "3203 (not implemented)" in found.text and "require_standing" in found.text
    assert Sport(DriverSettings(require_standing=False), 0).problem(0) is None


def test_answers_to_others_and_without_sense_change_nothing() -> None:
    sport = knows(500)
    assert not sport.answer(0, Answer(99999, GET_STATE, 0, '{"data": 1}')) and sport.state == 500

    for data in ("", "[]", '{"data": "walk"}', '{"data": null}', "{"):
        call = sport.set_state(START)
        sport.answer(0, Answer(call.id, GET_STATE, 0, data))
    assert sport.state == 500


@pytest.mark.parametrize(
    ("command", "state", "allowed"),
    [
        (STAND_UP, DAMP, True),
        (STAND_UP, 0, False),
        (STAND_UP, 500, False),
        (START, STAND_UP, True),
        (START, DAMP, False),
        (DAMP, STAND_UP, True),
        (DAMP, 0, True),
        (DAMP, 500, False),
    ],
)
def test_commands_are_refused_in_states_where_the_robot_may_fall(command: int, state: int, allowed: bool) -> None:
    assert (knows(state).refusal(command, 0.0) == "") is allowed


def test_commands_are_refused_while_the_arms_are_ours_or_the_state_is_not_known() -> None:
    assert "call ~/release first" in knows(DAMP).refusal(STAND_UP, 0.1)
    assert "not known" in Sport(DriverSettings(), 0).refusal(STAND_UP, 0.0)


def test_velocities_are_for_a_robot_that_walks() -> None:
    assert knows(500).walks() and not knows(STAND_UP).walks() and not Sport(DriverSettings(), 0).walks()
