"""How one controller is brought onto the motion: where it is sent, the step that tries it, and what counts as an answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.control.entering import ENTRY, LEAST_STEP, PATIENCE, SETTLED, STEP, Entry
from neon_control.core.control.promise import Motion

SECOND = 1_000_000_000
NOW = 1000 * SECOND
COLUMNS = np.array([3, 1])  # of four
VELOCITY, ACCELERATION = np.array([1.0, 2.0, 3.0, 0.5]), np.array([10.0, 5.0, 30.0, 2.0])
HERE = np.array([0.4, -0.2])  # [rad]
FAR = HERE + np.array([1.0, 0.02])

angles = st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)).map(np.array)


def entry() -> Entry:
    return Entry(COLUMNS, VELOCITY, ACCELERATION)


def tried(target: np.ndarray = FAR) -> tuple[Entry, int]:
    """One that has been sent a step, and when [ns] it is due to have taken it."""
    new = entry()
    new.try_towards(NOW, HERE, HERE, target)
    assert new.message is not None
    return new, int(new.message.times[-1])


def assert_gentle(way: Motion) -> None:
    """From each knot to the next, on the cubic that a controller draws."""
    instants = np.linspace(int(way.times[0]), int(way.times[-1]) - 1, 401).astype(np.int64)
    rates = np.array([way.at(int(instant))[1] for instant in instants])
    lengths = np.diff(instants)[:, None] * 1e-9
    assert (np.abs(rates) <= VELOCITY[COLUMNS] * (1 + 1e-6)).all()
    assert (np.abs(np.diff(rates, axis=0)) <= ACCELERATION[COLUMNS] * lengths * (1 + 1e-6) + 1e-9).all()


def test_it_begins_with_nothing_to_send_and_is_not_joined():
    new = entry()
    assert not new.joined and new.message is None and new.at(NOW) is None and not new.busy(NOW) and not new.tried
    assert new.answer(NOW, HERE) is None


def test_it_is_placed_where_it_was_measured_and_later_than_now():
    new = entry()
    new.place(NOW, HERE, HERE)
    times, positions, velocities = new.message
    assert times.tolist() == [NOW + round(ENTRY * SECOND)] and not velocities.any()
    np.testing.assert_array_equal(positions[0, COLUMNS], HERE)
    assert new.busy(NOW) and not new.busy(int(times[-1])) and not new.tried


@given(commanded=angles, measured=angles)
def test_the_way_to_the_measured_pose_keeps_the_limits_however_far_it_is(commanded, measured):
    new = entry()
    new.place(NOW, commanded, measured)
    due = int(new.message.times[-1])
    assert_gentle(Motion(np.array([NOW, due]), np.array([commanded, measured]), np.zeros((2, 2))))
    for instant, place in ((NOW, commanded), (due, measured), (due + SECOND, measured)):
        value, rate = new.at(instant)
        np.testing.assert_allclose(value, place, atol=1e-12)
        assert not rate.any()


@given(target=angles)
def test_the_step_leads_a_little_towards_the_target_within_the_limits(target):
    new = entry()
    new.try_towards(NOW, HERE, HERE, target)
    step = np.clip(target - HERE, -STEP, STEP)
    if np.abs(step).max() < LEAST_STEP:
        assert new.message is None and not new.tried
        return
    times, positions, velocities = new.message
    np.testing.assert_allclose(positions[-1, COLUMNS], HERE + step, atol=1e-12)
    assert new.tried and not velocities[0].any() and not velocities[-1].any()
    assert_gentle(Motion(times, positions[:, COLUMNS], velocities[:, COLUMNS]))


def test_it_is_not_tried_while_it_is_under_way():
    new = entry()
    new.place(NOW, HERE, HERE)
    sent = new.message
    new.try_towards(NOW + 1, HERE, HERE, FAR)
    assert new.message is sent and not new.tried


def test_who_takes_the_step_is_joined_and_its_sag_remembered():
    new, due = tried()
    target, _ = new.at(due)
    sag = np.array([-0.004, 0.003])
    due += round(SETTLED * SECOND)
    assert new.answer(due - 1, target + sag) is None, "before it can have taken the step"
    assert new.answer(due, target + sag) is True and new.joined and not new.tried
    np.testing.assert_allclose(new.standing, sag, atol=1e-12)


def test_half_of_the_step_is_enough_and_one_joint_that_takes_it():
    new, due = tried()
    due += round(SETTLED * SECOND)
    assert new.answer(due, HERE + np.array([0.49 * STEP, 0.0])) is None
    assert new.answer(due, HERE + np.array([0.51 * STEP, 0.0])) is True


@pytest.mark.parametrize("moved", [(0.0, 0.0), (-STEP, -0.02), (0.0, -STEP)])
def test_who_does_not_follow_is_refused_when_patience_ends(moved):
    """An inactive controller, or joints that somebody else moves the other way."""
    new, due = tried()
    last = due + round(PATIENCE * SECOND)
    assert new.answer(last, HERE + moved) is None
    assert new.answer(last + 1, HERE + moved) is False
    assert not new.joined and not new.tried and new.answer(last + 2, HERE) is None


def test_a_joint_that_was_hardly_asked_to_move_gives_no_answer():
    new, due = tried(HERE + np.array([1.0, 0.5 * LEAST_STEP]))
    assert new.answer(due, HERE + np.array([0.0, 0.5])) is None


def test_who_leaves_has_forgotten_everything():
    new, due = tried()
    new.answer(due, new.at(due)[0] + 0.001)
    new.leave()
    assert not new.joined and new.message is None and not new.standing.any() and new.at(due) is None
