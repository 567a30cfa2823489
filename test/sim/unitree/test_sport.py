"""The stand-in's sport service: which states it goes through, when it walks, and what it answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neon_control.sim.unitree.sport import (
    DAMP,
    GET_STATE,
    INVALID_STATE,
    NOT_AVAILABLE,
    NOT_IMPLEMENTED,
    SET_BALANCE_MODE,
    SET_STAND_HEIGHT,
    SET_STATE,
    SET_VELOCITY,
    STAND_UP,
    STANDING_UP,
    WALK,
    WELL,
    WRONG_PARAMETER,
    ZERO_TORQUE,
    Sport,
)

NOW, SECOND, PERIOD = 10**18, 10**9, 0.002


def state(number: int) -> str:
    return json.dumps({"data": number})


def walk(sport: Sport, now: int, seconds: float) -> tuple[int, np.ndarray]:
    for _ in range(round(seconds / PERIOD)):
        now += round(PERIOD * SECOND)
        sport.walk(now, PERIOD)
    return now, sport.velocity


def test_from_damp_it_stands_up_and_walks_only_once_it_stands() -> None:
    sport = Sport(DAMP)
    assert sport.request(NOW, SET_STATE, state(WALK)) == (NOT_AVAILABLE, "")
    assert sport.request(NOW, SET_STATE, state(STAND_UP)) == (WELL, "")
    assert sport.request(NOW + SECOND, SET_STATE, state(WALK)) == (NOT_AVAILABLE, "")
    assert sport.request(NOW + round(STANDING_UP * SECOND), SET_STATE, state(WALK)) == (WELL, "")
    assert sport.request(NOW, GET_STATE, "") == (WELL, '{"data": 500}')


@pytest.mark.parametrize("begin", [ZERO_TORQUE, DAMP, STAND_UP, WALK])
def test_zero_torque_and_damp_are_told_apart_and_standing_up_needs_damping(begin: int) -> None:
    sport = Sport(begin)
    code, _ = sport.request(NOW, SET_STATE, state(STAND_UP))
    assert code == (NOT_AVAILABLE if begin == ZERO_TORQUE else WELL)


def test_states_and_interfaces_that_there_are_not_have_codes_of_their_own() -> None:
    sport = Sport()
    assert sport.request(NOW, SET_STATE, state(3)) == (INVALID_STATE, "")
    assert sport.request(NOW, 7106, "{}") == (NOT_IMPLEMENTED, "")
    assert sport.state == WALK


@pytest.mark.parametrize(
    "parameter", ["", "no json", "[]", '{"velocity":[0.1,0]}', '{"velocity":[0.1,0,1e999]}', '{"velocity":"abc"}', '{"data":[]}']
)
@pytest.mark.parametrize("interface", [SET_STATE, SET_VELOCITY, SET_BALANCE_MODE, SET_STAND_HEIGHT])
def test_a_parameter_that_cannot_be_read_changes_nothing(interface: int, parameter: str) -> None:
    sport = Sport()
    assert sport.request(NOW, interface, parameter) == (WRONG_PARAMETER, "")
    assert sport.state == WALK
    assert not walk(sport, NOW, 0.1)[1].any()


def test_a_velocity_lasts_as_long_as_it_says_and_then_the_robot_stops() -> None:
    sport = Sport()
    assert sport.request(NOW, SET_VELOCITY, '{"velocity":[0.3,0,0.5],"duration":0.5}') == (WELL, "")
    now, velocity = walk(sport, NOW, 0.45)
    assert velocity == pytest.approx([0.3, 0.0, 0.5])
    now, velocity = walk(sport, now, 0.05 + 0.3 / 3.0 + 0.01)
    assert not velocity.any()


def test_it_neither_walks_off_nor_stops_at_once_and_not_faster_than_it_can() -> None:
    sport = Sport()
    sport.request(NOW, SET_VELOCITY, '{"velocity":[9,0,0],"duration":9}')
    assert walk(sport, NOW, 0.1)[1][0] == pytest.approx(0.3)
    assert walk(sport, NOW, 1.0)[1][0] == pytest.approx(1.0)


def test_whoever_puts_it_somewhere_makes_it_stand_as_it_began() -> None:
    sport = Sport()
    sport.request(NOW, SET_VELOCITY, '{"velocity":[0.3,0,0],"duration":9}')
    walk(sport, NOW, 0.2)
    sport.enter(DAMP)
    sport.stand()
    assert sport.state == WALK
    assert not walk(sport, NOW, 0.2)[1].any()


def test_it_walks_in_the_state_for_that_alone() -> None:
    sport = Sport(STAND_UP)
    assert sport.request(NOW, SET_VELOCITY, '{"velocity":[0.3,0,0]}') == (NOT_AVAILABLE, "")
    sport = Sport()
    sport.request(NOW, SET_VELOCITY, '{"velocity":[0.3,0,0],"duration":9}')
    now, _ = walk(sport, NOW, 0.2)
    sport.request(now, SET_STATE, state(STAND_UP))
    assert not walk(sport, now, 0.2)[1].any()
