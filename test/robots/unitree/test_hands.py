"""A Dex3 hand: trajectories to position commands of seven motors."""

from __future__ import annotations

import numpy as np
import pytest
from g1_bench import FINGERS, HAND_CONTROLLER, robot_with_hand

from neon_control.core.common.errors import ConfigError
from neon_control.robots.unitree.hands import SILENT, Hand
from neon_control.robots.unitree.section import Section
from neon_control.robots.unitree.settings import DriverSettings

BEGIN, PERIOD = 10**12, 4_000_000  # [ns]


@pytest.fixture
def hand() -> Hand:
    return Hand(robot_with_hand(), "right", Section(), DriverSettings())


def test_it_is_not_driven_before_it_has_said_where_it_is(hand: Hand) -> None:
    assert not hand.step(BEGIN, follow=True)
    hand.measure(BEGIN, [0.3] * 7, [0.0] * 7)
    assert hand.step(BEGIN, follow=True)
    np.testing.assert_allclose(hand.targets.positions, 0.3)


def test_it_follows_a_trajectory_and_holds_the_end_also_when_the_arms_are_given_back(hand: Hand) -> None:
    hand.measure(BEGIN, [0.0] * 7, [0.0] * 7)
    hand.step(BEGIN, follow=True)
    hand.targets.accept(HAND_CONTROLLER.name, BEGIN, 0, FINGERS, np.array([0.5]), np.full((1, 7), 0.8))
    now = BEGIN
    for _ in range(150):
        now += PERIOD
        hand.measure(now, hand.targets.positions.tolist(), [0.0] * 7)
        assert hand.step(now, follow=True)
    np.testing.assert_allclose(hand.targets.positions, 0.8)

    assert hand.step(now + PERIOD, follow=False), "once more, at rest"
    assert not hand.step(now + 2 * PERIOD, follow=False), "then its motors hold what they have"
    np.testing.assert_allclose(hand.targets.positions, 0.8)


def test_a_hand_that_falls_silent_comes_to_rest(hand: Hand) -> None:
    hand.measure(BEGIN, [0.0] * 7, [0.0] * 7)
    hand.step(BEGIN, follow=True)
    hand.targets.accept(HAND_CONTROLLER.name, BEGIN, 0, FINGERS, np.array([1.0]), np.full((1, 7), 0.8))
    now, moved = BEGIN, []
    for _ in range(400):
        now += PERIOD
        if not hand.step(now, follow=True):
            break
        moved.append(float(hand.targets.positions[0]))

    assert hand.targets.rests and moved[-1] < 0.8 and now - BEGIN < SILENT + 10**9


def test_messages_that_are_none_are_left_out(hand: Hand) -> None:
    for positions in ([0.0] * 3, [float("nan")] * 7):
        hand.measure(BEGIN, positions, [0.0] * len(positions))
    assert not hand.heard(BEGIN)


def test_each_motor_has_its_number_and_gains(hand: Hand) -> None:
    assert hand.modes == [0x10 + place for place in range(7)]
    assert hand.kp.tolist() == [2.0, *[1.0] * 6] and (hand.kd > 0.0).all()


def test_fingers_of_a_group_that_is_no_hand_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs an entry of kind hand"):
        Hand(robot_with_hand("gripper"), "right", Section(), DriverSettings())


def test_the_clock_of_the_commands_may_be_another_one(hand: Hand) -> None:
    stamps = 1_700_000_000 * 10**9  # [ns]
    hand.measure(BEGIN, [0.0] * 7, [0.0] * 7)
    hand.step(BEGIN, True, stamps)
    hand.targets.accept(HAND_CONTROLLER.name, stamps, stamps, FINGERS, np.array([0.2]), np.full((1, 7), 0.3))
    for number in range(1, 80):
        hand.measure(BEGIN + number * PERIOD, hand.targets.positions.tolist(), [0.0] * 7)
        assert hand.step(BEGIN + number * PERIOD, True, stamps + number * PERIOD)

    np.testing.assert_allclose(hand.targets.positions, 0.3)
