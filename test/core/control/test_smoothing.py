"""The joints' limit of the jerk: it holds while targets are followed, and takes nothing from what the envelope guards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.limits import Limiter, envelope
from neon_control.core.control.promise import Motion
from neon_control.core.control.smoothing import MOST_DELAY, Smoothing, smoothing_for
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot

DT, N = 0.01, 6
LOWER, UPPER = np.array([-1.0, -0.3, 0.0]), np.array([1.0, 2.0, 0.5])
RATE, CHANGE = np.array([2.0, 0.5, 1.0]), np.array([15.0, 3.0, 40.0])
JERK = 2.0 * CHANGE / (N * DT)
MIDDLE = np.array([0.0, 0.8, 0.25])

anything = arrays(np.float64, (60, 3), elements=st.floats(allow_nan=True, allow_infinity=True, width=64))
plausible = arrays(np.float64, (60, 3), elements=st.floats(-3.0, 3.0))
extremes = arrays(np.float64, (60, 3), elements=st.sampled_from([-3.0, 3.0]))
targets_of_any_kind = st.one_of(anything, plausible, extremes)
inside = st.tuples(*(st.floats(low, high) for low, high in zip(LOWER, UPPER, strict=True))).map(np.array)


class Led:
    """An envelope of three axes behind what is tested."""

    def __init__(self, start: np.ndarray = MIDDLE) -> None:
        self.limiter = Limiter(("a", "b", "c"), LOWER, UPPER, RATE, CHANGE, DT)
        self.limiter.anchor(start)
        self.smoothing = Smoothing(self.limiter, 3, N)
        self.values, self.rates = [start], [np.zeros(3)]

    def step(self, target: np.ndarray) -> None:
        self.limiter.step(self.smoothing.smooth(target))
        self._note()

    def brake(self) -> None:
        self.limiter.brake()
        self._note()

    def _note(self) -> None:
        self.values.append(self.limiter.value.copy())
        self.rates.append(self.limiter.rate.copy())

    def assert_inside(self) -> None:
        values, rates = np.array(self.values), np.array(self.rates)
        assert np.isfinite(values).all()
        assert (values >= LOWER - 1e-12).all() and (values <= UPPER + 1e-12).all()
        assert (np.abs(rates) <= RATE * (1 + 1e-9)).all()
        assert (np.abs(np.diff(rates, axis=0)) <= CHANGE * DT * (1 + 1e-6) + 1e-9).all()

    def largest_jerk(self) -> np.ndarray:
        """(3,) of the limit: third differences of positions, and changes of the acceleration between periods."""
        standing = np.tile(self.values[0], (3, 1))
        third = np.diff(np.vstack([standing, *self.values]), n=3, axis=0) / DT**3
        change = np.diff(np.vstack([np.zeros((2, 3)), *self.rates]), n=2, axis=0) / DT**2
        return np.asarray(np.maximum(np.abs(third).max(axis=0), np.abs(change).max(axis=0)) / JERK)


@given(targets=targets_of_any_kind, start=inside)
def test_the_jerk_stays_below_its_limit_and_all_other_limits_hold_whatever_is_asked_for(targets, start):
    led = Led(start)
    for target in targets:
        led.step(target)
    led.assert_inside()
    assert (led.largest_jerk() <= 1 + 1e-5).all()


def test_the_limit_of_the_jerk_is_used_up_and_without_it_the_jerk_is_n_times_as_large():
    led, bare = Led(), Led()
    for k in range(400):
        target = MIDDLE + np.where(k % 40 < 20, 0.2, -0.2)
        led.step(target)
        bare.limiter.step(target)
        bare._note()
    assert led.largest_jerk()[0] == pytest.approx(1.0, abs=1e-6)
    assert bare.largest_jerk()[0] == pytest.approx(N, rel=1e-6)


@given(targets=targets_of_any_kind, start=inside, stops=st.sets(st.integers(0, 59)), moved=st.integers(0, 59))
def test_range_velocity_and_acceleration_hold_when_stops_and_stalls_come_between(targets, start, stops, moved):
    led = Led(start)
    for k, target in enumerate(targets):
        if k == moved:  # as after a stall: part of the way to rest was gone without the executor
            value, rate = led.limiter.value.copy(), led.limiter.rate.copy()
            led.limiter.put(np.array([True, False, True]), (value + 0.25 * DT * rate)[[0, 2]], 0.5 * rate[[0, 2]])
            led.values, led.rates = [led.limiter.value.copy()], [led.limiter.rate.copy()]
        if k in stops:
            led.brake()
        else:
            led.step(target)
    values, rates = np.array(led.values), np.array(led.rates)
    assert (values >= LOWER - 1e-12).all() and (values <= UPPER + 1e-12).all()
    assert (np.abs(rates) <= RATE * (1 + 1e-9)).all()
    changes = np.abs(np.diff(rates, axis=0)) / DT
    assert (changes <= CHANGE * (1.2 + 1e-6) + 1e-7).all(), "1.2: see limits.py, step 5"


@given(target=inside, start=inside)
def test_a_target_that_stands_is_met_exactly_and_without_overshoot(target, start):
    led = Led(start)
    for _ in range(800):
        led.step(target)
    distance = (target - np.array(led.values)) * np.where(target >= start, 1.0, -1.0)
    assert (distance >= -1e-12).all(), "overshoot"
    assert (led.values[-1] == target).all() and (np.abs(led.rates[-1]) < 1e-12).all()


def test_a_line_that_is_given_earlier_by_the_delay_is_followed_on_time():
    speed = np.array([0.05, -0.01, 0.1])
    led = Led()
    ahead = led.smoothing.delay + 0.5 * DT
    for k in range(1, 60):
        led.step(MIDDLE + speed * (k * DT + ahead))
    np.testing.assert_allclose(np.array(led.values)[30:], MIDDLE + speed * DT * np.arange(30, 60)[:, None], atol=1e-12)


def test_a_sine_keeps_its_phase_and_as_much_of_its_height_as_is_said():
    frequency = 1.5  # [Hz]
    led = Led()
    times = DT * np.arange(1, 500)
    for t in times + led.smoothing.delay + 0.5 * DT:
        led.step(MIDDLE + 0.01 * np.sin(2.0 * np.pi * frequency * t))
    wave = 0.01 * np.sinc(N * DT * frequency) * np.sin(2.0 * np.pi * frequency * times)
    np.testing.assert_allclose(np.array(led.values)[51:], MIDDLE + wave[50:, None], atol=2e-5)


def test_after_a_stall_in_motion_a_line_goes_on_evenly():
    """Fast ones too: more than one period is needed to stop from there."""
    speed = np.array([1.5, 0.2, 0.05])
    led = Led(np.array([-1.0, 0.0, 0.1]))
    place, ahead = np.array([-0.5, 0.2, 0.2]), led.smoothing.delay + 0.5 * DT
    led.limiter.put(slice(0, 3), place, speed)
    for k in range(1, 20):
        led.step(place + speed * (k * DT + ahead))
    np.testing.assert_allclose(led.rates[1:], np.tile(speed, (19, 1)), atol=1e-9)


def test_who_leaves_a_target_that_was_far_ahead_comes_to_rest_along_the_motion_that_is_averaged():
    led = Led()
    for _ in range(20):
        led.step(MIDDLE + 3.0)
    averaged = led.smoothing.leave()
    way = Motion.after(0, averaged.rest_path()).from_start(0, averaged.value, averaged.rate)
    for k in range(1, 80):
        led.step(way.at(round((k + 0.5) * DT * 1e9))[0])
    led.assert_inside()
    assert led.largest_jerk().max() <= 1.0 + 1e-6
    np.testing.assert_allclose(led.values[-1], way.positions[-1], atol=1e-6)
    assert (np.diff(led.values, axis=0) >= -1e-4).all()


def test_a_start_outside_the_range_only_moves_inwards():
    led = Led(np.array([1.4, 0.0, -0.2]))
    for _ in range(300):
        led.step(np.array([5.0, 0.0, -5.0]))
    values = np.array(led.values)
    assert (np.diff(values[:, 0]) <= 0.0).all() and (np.diff(values[:, 2]) >= 0.0).all()
    assert values[-1].tolist() == [1.0, 0.0, 0.0]


def test_what_was_limited_is_counted_with_the_envelope_and_once():
    led, bare = Led(), Led()
    for target in np.random.default_rng(1).uniform(-2.0, 2.0, (50, 3)):
        led.step(target)
        bare.limiter.step(target)
    for name, counts in bare.limiter.counts.items():
        np.testing.assert_array_equal(led.limiter.counts[name], counts)


def g1(jerk: dict[str, float]) -> Robot:
    robot = load_robot("g1.yaml")
    return replace(robot, joints={name: replace(joint, max_jerk=jerk.get(name, joint.max_jerk)) for name, joint in robot.joints.items()})


ELBOW, WAIST = "left_elbow_joint", "waist_yaw_joint"  # of 15 and 5 rad/s^2


def built(jerk: dict[str, float]) -> tuple[Limiter, Smoothing | None]:
    robot = g1(jerk)
    limiter = envelope(robot, (ELBOW, WAIST), DT)
    return limiter, smoothing_for(robot, (ELBOW, WAIST), limiter)


def test_without_a_limit_or_with_one_that_the_envelope_keeps_there_is_nothing_in_front_of_it():
    assert built({})[1] is None
    assert built({ELBOW: 2.0 * 15.0 / DT})[1] is None


def test_the_joint_that_needs_longest_sets_the_delay_of_all():
    assert built({ELBOW: 500.0})[1].delay == pytest.approx(0.03)
    assert built({ELBOW: 500.0, WAIST: 500.0})[1].delay == pytest.approx(0.03)
    assert built({WAIST: 100.0})[1].delay == pytest.approx(0.05)


def test_the_base_passes_by():
    limiter, smoothing = built({ELBOW: 500.0})
    target = np.array([0.5, 0.1, 0.2, -0.1, 0.3])
    assert len(limiter.names) == 5 and smoothing.smooth(target)[2:].tolist() == [0.2, -0.1, 0.3]


def test_a_jerk_for_which_a_plan_would_have_to_be_known_too_early_is_a_refusal():
    with pytest.raises(ConfigError, match=rf"{ELBOW}.*15.000 rad/s\^2.*0.500 s.*30.000 rad/s\^3.*{MOST_DELAY} s"):
        built({ELBOW: 30.0})
