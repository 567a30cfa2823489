"""The stand-in's arm_sdk: the weight blends, nothing times out, and the speed of the blended target is what counts."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.sim.unitree.arm_sdk import MAX_SPEED, ArmSdk
from neon_control.sim.unitree.set_points import KP, MOTORS, Q, set_points

NOW, TICK = 10**18, 2_000_000  # [ns]
OWN = set_points(0.1, 80.0, 4.0)
GIVEN = set_points(0.5, 60.0, 1.5)


@pytest.fixture
def arm_sdk() -> ArmSdk:
    driven = np.zeros(MOTORS, bool)
    driven[15:] = True
    return ArmSdk(driven)


def test_without_a_message_the_robot_moves_its_arms_by_itself(arm_sdk: ArmSdk) -> None:
    points, _ = arm_sdk.blend(NOW, OWN)
    assert np.array_equal(points, OWN)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_weight_blends_every_value_of_the_joints_that_it_may_move(arm_sdk: ArmSdk, weight: float) -> None:
    arm_sdk.accept(weight, GIVEN)
    points, _ = arm_sdk.blend(NOW, OWN)
    assert points[:, 15:] == pytest.approx((1.0 - weight) * OWN[:, 15:] + weight * GIVEN[:, 15:])
    assert np.array_equal(points[:, :15], OWN[:, :15])


@pytest.mark.parametrize(("given", "in_force"), [(-1.0, 0.0), (7.0, 1.0), (float("nan"), 0.0)])
def test_a_weight_is_held_to_0_and_1(arm_sdk: ArmSdk, given: float, in_force: float) -> None:
    arm_sdk.accept(given, GIVEN)
    assert arm_sdk.weight == in_force


def test_a_client_that_dies_leaves_the_weight_where_it_was(arm_sdk: ArmSdk) -> None:
    arm_sdk.accept(0.7, GIVEN)
    points, _ = arm_sdk.blend(NOW + 3600 * 10**9, OWN)
    assert arm_sdk.weight == 0.7
    assert points[KP, 20] == pytest.approx(0.3 * 80.0 + 0.7 * 60.0)


def run(arm_sdk: ArmSdk, target, seconds: float, period: float) -> float:
    """The highest speed while a client sends target(t) every `period` [s]."""
    speeds, every = [], round(period * 1e9 / TICK)
    for tick in range(round(seconds * 1e9 / TICK)):
        if tick % every == 0:
            weight, q = target(tick * TICK * 1e-9)
            arm_sdk.accept(weight, set_points(q, 60.0, 1.5))
        speeds.append(arm_sdk.blend(NOW + tick * TICK, OWN)[1])
    return max(speeds)


@pytest.mark.parametrize("period", [0.02, 0.004, 0.002])
def test_a_speed_is_measured_as_it_is_at_whatever_rate_the_client_sends(arm_sdk: ArmSdk, period: float) -> None:
    assert run(arm_sdk, lambda t: (1.0, 0.1 + 3.0 * t), 0.3, period) == pytest.approx(3.0, abs=0.8 if period > 0.01 else 0.35)


def test_a_jump_of_the_target_or_of_the_weight_is_faster_than_the_robot_follows(arm_sdk: ArmSdk) -> None:
    assert run(arm_sdk, lambda t: (1.0, 0.1 if t < 0.1 else 0.25), 0.2, 0.004) > MAX_SPEED
    arm_sdk.let_go()
    assert run(arm_sdk, lambda t: (0.0 if t < 0.1 else 1.0, 0.3), 0.2, 0.004) > MAX_SPEED
    arm_sdk.let_go()
    assert run(arm_sdk, lambda t: (min(t / 2.0, 1.0), 0.3), 2.2, 0.004) < 0.3


def test_a_number_that_is_none_is_infinitely_fast(arm_sdk: ArmSdk) -> None:
    points = GIVEN.copy()
    points[Q, 20] = np.nan
    arm_sdk.accept(1.0, points)
    assert arm_sdk.blend(NOW, OWN)[1] == np.inf
