"""Joints that turn without end: the nearest way, within a turn, and never an unwinding spin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.robot.turns import TOO_FAR, TURN, Aim, near, unrolled, within

angles = st.floats(-50.0, 50.0)


@given(angles, angles)
def test_near_is_the_same_place_within_half_a_turn(value: float, reference: float) -> None:
    moved = float(near(np.array([value]), np.array([reference]))[0])
    assert abs(moved - reference) <= math.pi + 1e-9
    assert abs((moved - value) / TURN - round((moved - value) / TURN)) < 1e-9


@given(angles, st.floats(-7.0, 7.0))
def test_within_is_the_same_place_in_the_turn(value: float, lower: float) -> None:
    moved = float(within(np.array([value]), lower)[0])
    assert lower - 1e-9 <= moved <= lower + TURN + 1e-9
    assert abs((moved - value) / TURN - round((moved - value) / TURN)) < 1e-9


def test_what_lies_there_already_is_not_touched_and_what_is_unknown_moves_nothing() -> None:
    values = np.array([0.1, -3.1, 3.1])
    assert (within(values, -math.pi) == values).all()
    assert (near(values, np.full(3, np.nan)) == values).all()


def test_a_chunk_that_wraps_is_unrolled_in_the_columns_that_turn_only() -> None:
    rows = np.array([[3.0, 3.0], [-3.1, -3.1], [-2.9, -2.9]])
    result = unrolled(rows, np.array([1]), np.array([0.0, 9.0]))
    assert result[:, 0].tolist() == rows[:, 0].tolist()
    assert result[:, 1] == pytest.approx([3.0 + TURN, -3.1 + 2 * TURN, -2.9 + 2 * TURN])


def test_an_aim_at_half_a_turn_does_not_flicker_between_both_ways() -> None:
    aim, here = Aim([True]), np.zeros(1)
    found = [float(aim.next(np.array([target]), here)[0]) for target in (3.1, -3.1, 3.1, -3.1)]
    assert found == pytest.approx([3.1, TURN - 3.1] * 2)
    aim.restart()
    assert aim.next(np.array([-3.1]), here)[0] == pytest.approx(-3.1)


def test_an_aim_does_not_make_up_for_turns_that_the_joint_has_missed() -> None:
    aim, here = Aim([True]), np.zeros(1)
    for target in np.arange(0.0, 8 * TURN, 0.5):
        assert abs(aim.next(np.array([target]), here)[0]) <= TOO_FAR
