"""The safety envelope, mostly as properties: whatever comes in, what goes out stays inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.limits import MIN_TIME, Limiter, envelope
from neon_control.core.control.promise import Motion
from neon_control.core.robot.robot import BASE_AXES
from neon_control.core.robot.robot_file import load_robot

DT = 0.01
LOWER, UPPER = np.array([-1.0, -0.3, 0.0]), np.array([1.0, 2.0, 0.5])
RATE, CHANGE = np.array([2.0, 0.5, 1.0]), np.array([15.0, 3.0, 40.0])

anything = arrays(np.float64, (60, 3), elements=st.floats(allow_nan=True, allow_infinity=True, width=64))
plausible = arrays(np.float64, (60, 3), elements=st.floats(-3.0, 3.0))
inside = st.tuples(*(st.floats(low, high) for low, high in zip(LOWER, UPPER, strict=True))).map(np.array)


def limiter(start: np.ndarray | None = None) -> Limiter:
    built = Limiter(("a", "b", "c"), LOWER, UPPER, RATE, CHANGE, DT)
    if start is not None:
        built.anchor(start)
    return built


def run(limit: Limiter, targets: np.ndarray, stops: frozenset[int] | set[int] = frozenset()) -> tuple[np.ndarray, np.ndarray]:
    """Commands and their rates (n + 1, 3), the starting value first; the steps in `stops` brake."""
    rows = [(limit.value.copy(), limit.rate.copy())]
    for i, target in enumerate(targets):
        value = limit.brake() if i in stops else limit.step(target)
        rows.append((value.copy(), limit.rate.copy()))
    values, rates = (np.array(column) for column in zip(*rows, strict=True))
    return values, rates


def assert_inside(values: np.ndarray, rates: np.ndarray) -> None:
    """Range, rate and change of commands that start at rest, and of the cubic between each two, which is a parabola."""
    assert np.isfinite(values).all()
    assert (np.abs(rates) <= RATE * (1 + 1e-9)).all()
    changes = np.diff(rates, axis=0) / DT
    assert (np.abs(changes) <= CHANGE * (1 + 1e-6) + 1e-7).all()
    np.testing.assert_allclose(np.diff(values, axis=0), 0.5 * DT * (rates[1:] + rates[:-1]), atol=1e-9 * DT * RATE.max())
    turns = rates[1:] * rates[:-1] < 0.0
    peaks = values[:-1] - 0.5 * rates[:-1] ** 2 / np.where(turns, changes, np.inf)
    for each in (values, peaks):
        assert (each >= LOWER - 1e-11).all() and (each <= UPPER + 1e-11).all()


@given(targets=st.one_of(anything, plausible), start=inside)
def test_output_stays_inside_for_any_input(targets, start):
    assert_inside(*run(limiter(start), targets))


@given(targets=st.one_of(anything, plausible), start=inside, stops=st.sets(st.integers(0, 59)))
def test_output_stays_inside_when_braking_comes_between(targets, start, stops):
    assert_inside(*run(limiter(start), targets, stops))


@given(target=inside, start=inside)
def test_a_constant_target_is_approached_monotonically_and_met_exactly(target, start):
    values, _ = run(limiter(start), np.tile(target, (800, 1)))
    distance = (target - values) * np.where(target >= start, 1.0, -1.0)
    assert (distance >= -1e-12).all(), "overshoot"
    assert (np.diff(distance, axis=0) <= 1e-12).all(), "moves away"
    assert (values[-1] == target).all()


@given(start=inside, target=st.floats(-100.0, 100.0))
def test_the_range_is_reached_without_overshoot_from_any_speed(start, target):
    assert_inside(*run(limiter(start), np.full((300, 3), target)))


@given(targets=plausible, start=inside)
def test_a_step_is_never_larger_than_what_was_asked_for(targets, start):
    """Neither the target's own step nor the remaining distance is exceeded, once braking is over."""
    limit = limiter(start)
    wanted = np.clip(targets, LOWER, UPPER)
    before = start
    for raw, target in zip(targets, wanted, strict=True):
        value, rate = limit.value.copy(), limit.rate.copy()
        step = np.abs(limit.step(raw) - value)
        asked = np.maximum(np.abs(target - before), np.abs(target - value))
        braking = (np.abs(rate) - 0.5 * np.minimum(CHANGE * DT, np.abs(rate))) * DT  # what the speed alone makes unavoidable
        assert (step <= np.maximum(asked, braking) + 1e-12).all()
        before = target


def middle(targets):
    """Where a motion of constant accelerations is, between targets that are given half a period early."""
    return 0.5 * (targets[:-1] + targets[1:])


def test_a_target_of_constant_velocity_is_followed_from_the_first_step_on():
    speed = np.array([0.05, -0.01, 0.1])
    start = np.array([0.0, 0.5, 0.1])
    targets = start + speed * DT * np.arange(1, 100)[:, None]
    values, rates = run(limiter(start), targets)
    np.testing.assert_allclose(values[2:], middle(targets), atol=1e-12)
    np.testing.assert_allclose(rates[1:], np.broadcast_to(speed, (99, 3)), atol=1e-12)


def test_a_line_with_corners_is_followed_exactly_and_no_rougher_than_it_is():
    slopes = np.random.default_rng(3).uniform(-0.4, 0.4, (200, 3)) * CHANGE * DT
    targets = np.array([0.0, 0.5, 0.1]) + np.cumsum(slopes * DT, axis=0)
    values, rates = run(limiter(np.array([0.0, 0.5, 0.1])), targets)
    np.testing.assert_allclose(values[2:], middle(targets), atol=1e-12)
    np.testing.assert_allclose(rates[1:], slopes, atol=1e-12)


def test_a_target_that_accelerates_is_followed_without_lag():
    t = DT * np.arange(1, 400)
    targets = np.stack([0.5 * (1 - np.cos(2.0 * t)), 0.1 * (1 - np.cos(1.5 * t)), 0.2 * (1 - np.cos(2.0 * t))], axis=1)
    values, _ = run(limiter(np.zeros(3)), targets)
    np.testing.assert_allclose(values[2:], middle(targets), atol=1e-12)


def test_braking_comes_to_rest_in_the_shortest_time():
    limit = limiter(np.array([-1.0, 0.0, 0.0]))
    while limit.rate[0] < RATE[0]:
        limit.step(np.array([1.0, 0.0, 0.0]))
    steps = 0
    while limit.rate.any():
        limit.brake()
        steps += 1
    assert steps == int(np.ceil(RATE[0] / (CHANGE[0] * DT) - 1e-9))


@given(targets=plausible, start=inside)
def test_the_way_to_rest_is_even_braking_inside_the_range(targets, start):
    limit = limiter(start)
    run(limit, targets)
    times, rest, rates = limit.rest_path()
    assert (np.diff(times) > 0.0).all() and times[0] >= 0.001, "a controller refuses two points at one time"
    assert not rates[-1].any()
    assert ((rest >= LOWER - 1e-12) & (rest <= UPPER + 1e-12)).all()
    together = max((np.abs(limit.rate) / CHANGE).max(), MIN_TIME)
    room = np.where(limit.rate > 0.0, UPPER - limit.value, limit.value - LOWER)
    free = np.abs(limit.rate) * together < 2.0 * room
    np.testing.assert_allclose((rest[-1] - limit.value)[free], (0.5 * limit.rate * together)[free], atol=1e-12)


def test_a_joint_at_its_end_rests_before_a_faster_one():
    """One cubic for both once swung the slow one out of its range."""
    limit = limiter(np.array([-1.0, 0.0, 0.0]))
    while limit.value[2] < 0.49:
        limit.step(np.array([5.0, 0.0, 5.0]))
    room, speed = 0.5 - limit.value[2], limit.rate[2]
    times, rest, rates = limit.rest_path()
    assert times == pytest.approx([max(2.0 * room / speed, 0.001), limit.rate[0] / CHANGE[0]])
    assert rest[0, 2] == rest[1, 2] == pytest.approx(0.5, abs=1e-12) and rates[0, 2] == 0.0
    assert rates[0, 0] == pytest.approx(limit.rate[0] - CHANGE[0] * times[0])


@given(start=inside, ahead=st.floats(-3.0, 3.0), steps=st.integers(1, 60))
def test_who_leaves_a_target_that_was_far_ahead_comes_to_rest_and_is_not_pulled_on_or_back(start, ahead, steps):
    limit = limiter(start)
    run(limit, np.full((steps, 3), ahead))
    value, rate = limit.value.copy(), limit.rate.copy()
    limit.leave(slice(None))
    way = Motion.after(0, limit.rest_path(share=0.6)).from_start(0, value, rate)
    assert (
        way.times[-1] * 1e-9 >= np.abs(rate / CHANGE).max() / 0.6 - 1e-6
        or (way.positions[-1] >= UPPER - 1e-6).any()
        or (way.positions[-1] <= LOWER + 1e-6).any()
    )
    values, rates = run(limit, np.array([way.at(round((k + 0.5) * DT * 1e9))[0] for k in range(1, 120)]))
    assert_inside(values[1:], rates[1:])
    np.testing.assert_allclose(values[-1], way.positions[-1], atol=1e-6)
    assert (np.diff(values, axis=0) * np.sign(rate) >= -2e-4).all()


def test_counters_say_which_limit_bit_and_for_which_axis():
    limit = limiter(np.zeros(3))
    limit.step(np.array([0.0, 0.0, np.nan]))
    assert limit.counts["non_finite"].tolist() == [0, 0, 1]
    limit.step(np.array([0.001, 5.0, 0.0]))
    assert limit.counts["range"].tolist() == [0, 1, 0]
    assert limit.counts["rate"].tolist() == [0, 1, 0]
    assert limit.counts["change"].tolist() == [0, 1, 0]


def test_a_limit_that_is_met_exactly_does_not_count():
    limit = limiter(np.zeros(3))
    for k in range(1, 20):
        limit.step(np.array([0.25 * CHANGE[0] * DT * DT * k, 0.0, 0.0]))
    assert all(not counts.any() for counts in limit.counts.values())


def test_a_start_outside_the_range_only_moves_inwards_and_within_the_rate():
    limit = limiter(np.array([1.4, 0.0, -0.2]))
    values, rates = run(limit, np.tile([5.0, 0.0, -5.0], (200, 1)))
    assert (np.diff(values[:, 0]) <= 0.0).all() and (np.diff(values[:, 2]) >= 0.0).all()
    assert values[-1].tolist() == [1.0, 0.0, 0.0]
    assert (np.abs(rates) <= RATE * (1 + 1e-9)).all()


def test_a_start_outside_the_range_stays_where_it_is_while_it_brakes():
    limit = limiter(np.array([1.4, 0.0, -0.2]))
    assert limit.outside.tolist() == [True, False, True]
    for _ in range(50):
        limit.step(np.array([1.4, 1.0, -0.2]), braking=limit.outside)
    assert limit.value[[0, 2]].tolist() == [1.4, -0.2]
    assert limit.value[1] > 0.05, "the other axis follows its target"


@given(targets=plausible, start=inside, share=st.floats(0.0, 1.2), at=st.integers(1, 59))
def test_from_anywhere_on_the_way_to_rest_the_motion_goes_on_within_the_limits(targets, start, share, at):
    """At the very end of a range, an even way to rest leaves less room than whole steps need: a step brakes 1.2 times as hard."""
    limit = limiter(start)
    run(limit, targets[:at])
    times, rest, rates = limit.rest_path()
    path = Motion(*(np.concatenate(pair) for pair in zip(([0], [limit.value], [limit.rate]), (times * 1e9, rest, rates), strict=True)))
    limit.put(slice(0, 3), *path.at(share * times[-1] * 1e9))
    values, rates = run(limit, targets[at:])
    assert (values >= LOWER - 1e-12).all() and (values <= UPPER + 1e-12).all()
    changes = np.abs(np.diff(rates, axis=0)) / DT
    assert (changes[0] <= CHANGE * 1.2).all() and (changes[2:] <= CHANGE * (1 + 1e-6) + 1e-7).all()


def test_without_a_change_limit_only_range_and_rate_count():
    limit = Limiter(("x",), np.array([-1.0]), np.array([1.0]), np.array([2.0]), np.array([np.inf]), DT)
    values = [limit.step(np.array([0.5]))[0] for _ in range(30)]
    np.testing.assert_allclose(values[:3], [0.02, 0.04, 0.06])
    assert values[-1] == 0.5


def test_zero_is_reached_exactly():
    limit = Limiter(("x",), np.array([-1.0]), np.array([1.0]), np.array([3.0]), np.array([np.inf]), DT)
    for target in (0.77, 0.123, -0.9):
        for _ in range(100):
            limit.step(np.array([target]))
        for _ in range(100):
            limit.step(np.zeros(1))
        assert limit.value[0] == 0.0 and limit.rate[0] == 0.0


@given(targets=plausible, start=inside)
def test_axes_that_brake_do_not_disturb_the_others(targets, start):
    both, alone = limiter(start), limiter(start)
    for i, target in enumerate(targets):
        value = both.step(target, braking=slice(0, 2) if i > 20 else slice(0, 0))[2]
        assert value == alone.step(target)[2]
    assert not both.rate[:2].any(), "braking did not come to rest"


def test_limits_of_the_g1_are_complete_and_fit_each_other():
    robot = load_robot("g1.yaml")
    names = robot.parts["arms"] + robot.parts["torso"] + robot.parts["legs"]
    for rate in (20.0, 100.0, 500.0):
        assert envelope(robot, names, 1.0 / rate).names == names + BASE_AXES


def test_jerk_of_the_base_is_limited_when_the_robot_file_says_so():
    robot = load_robot("g1.yaml")
    base = replace(robot.base, max_jerk=np.array([20.0, 20.0, 40.0]))
    limit = envelope(replace(robot, base=base), ("left_elbow_joint",), DT)
    values = [limit.step(np.array([0.0, 0.5, 0.0, -1.0])).copy()[1:] for _ in range(100)]
    jerk = np.diff(values, n=2, axis=0, prepend=np.zeros((2, 3))) / DT**2
    assert (np.abs(jerk) <= base.max_jerk * (1 + 1e-6)).all()
    assert values[-1].tolist() == [0.5, 0.0, -1.0]


def test_a_joint_without_limits_is_a_refusal():
    with pytest.raises(ConfigError, match="unknown joints"):
        envelope(load_robot("g1.yaml"), ("left_elbow_joint", "third_elbow_joint"), DT)


def test_an_acceleration_limit_that_limits_nothing_is_a_refusal():
    with pytest.raises(ConfigError, match="limits nothing"):
        envelope(load_robot("g1.yaml"), ("left_elbow_joint",), 1.0)


def test_a_pose_that_is_held_counts_as_rest_although_its_last_digit_is_sought_to_and_fro():
    random, size = np.random.default_rng(0), 500
    limits = (np.full(size, value) for value in (-2.0, 2.0, 1.0, 10.0))
    limiter = Limiter([str(n) for n in range(size)], *limits, dt=0.01)
    limiter.anchor(random.uniform(-1.0, 1.0, size))
    target = limiter.value + random.uniform(-0.02, 0.02, size)
    limiter.step(target)
    assert not limiter.rests
    for _ in range(200):
        limiter.step(target)
    assert limiter.rate.any() and limiter.rests and (limiter.value == target).all()
