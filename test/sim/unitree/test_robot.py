"""The stand-in's computer: which messages it takes, and what trips it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.robots.unitree.motors import MODELS
from neon_control.sim.unitree.own_motion import TAKE_OVER, damped
from neon_control.sim.unitree.robot import ArmCommand, Robot, Taken
from neon_control.sim.unitree.set_points import MOTORS, Q, set_points
from neon_control.sim.unitree.sport import DAMP, SET_STATE, STAND_UP, WALK, ZERO_TORQUE

NOW, TICK = 10**18, 2_000_000  # [ns]
HOME = np.zeros(MOTORS)
HOLD = ArmCommand(1.0, set_points(0.0, 60.0, 1.5), 5, True)


def robot(**options) -> Robot:
    made = Robot(HOME, **options)
    made.begin(NOW, HOME)
    return made


def test_a_message_as_it_should_be_moves_the_arms_and_the_waist_and_never_the_legs() -> None:
    one = robot()
    assert one.command(replace(HOLD, points=set_points(0.01, 60.0, 1.5))) is Taken.APPLIED
    points = one.act(NOW, HOME)
    assert not points[Q, :12].any()
    assert points[Q, 12:] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("command", "state", "outcome"),
    [
        (replace(HOLD, crc_right=False), WALK, Taken.WRONG_CRC),
        (replace(HOLD, mode_machine=4), WALK, Taken.WRONG_MODE_MACHINE),
        (HOLD, DAMP, Taken.NOT_STANDING),
        (HOLD, ZERO_TORQUE, Taken.NOT_STANDING),
        (HOLD, STAND_UP, Taken.APPLIED),
    ],
)
def test_what_it_ignores_it_says(command: ArmCommand, state: int, outcome: Taken) -> None:
    one = robot(state=state)
    assert one.command(command) is outcome
    assert one.arm_sdk.weight == (1.0 if outcome is Taken.APPLIED else 0.0)


@pytest.mark.parametrize("model", list(MODELS))
def test_a_model_has_its_mode_and_joints_that_it_lacks_are_not_moved(model: str) -> None:
    one = robot(model=model)
    assert one.mode_machine == MODELS[model].mode_machine
    one.command(ArmCommand(1.0, set_points(0.01, 60.0, 1.5), one.mode_machine, True))
    still = [i for i in range(12, MOTORS) if one.act(NOW, HOME)[Q, i] == 0.0]
    assert still == list(MODELS[model].absent)


def test_a_target_that_jumps_trips_the_safe_mode_and_standing_up_brings_the_arms_back_slowly() -> None:
    one, now = robot(), NOW
    one.command(HOLD)
    one.act(now, HOME)
    one.command(replace(HOLD, points=set_points(0.3, 60.0, 1.5)))
    assert np.array_equal(one.act(now + TICK, HOME), damped())
    assert "rad/s" in one.trips[0]
    assert one.sport.state == DAMP
    assert one.command(HOLD) is Taken.NOT_STANDING
    assert one.arm_sdk.weight == 0.0
    fallen = np.full(MOTORS, 0.4)
    one.sport.request(now, SET_STATE, f'{{"data": {STAND_UP}}}')
    assert one.act(now, fallen)[Q] == pytest.approx(fallen)
    assert one.act(now + round(TAKE_OVER * 1e9), fallen)[Q, 20] == pytest.approx(0.0)
    assert len(one.trips) == 1


def test_without_torque_nothing_holds_anything() -> None:
    assert not robot(state=ZERO_TORQUE).act(NOW, HOME).any()
