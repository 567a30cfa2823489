"""Velocity commands become requests with an end of their own."""

from __future__ import annotations

import numpy as np
import pytest
from g1_bench import ROBOT

from neon_control.core.control.controllers import CommandError
from neon_control.robots.unitree.base import ZEROS, Base
from neon_control.robots.unitree.settings import DriverSettings

SECOND = 10**9
BEGIN, MILLISECOND = 100 * SECOND, SECOND // 1000
FORWARD = np.array([0.3, 0.0, 0.1])


@pytest.fixture
def base() -> Base:
    assert ROBOT.base is not None
    return Base(DriverSettings(cmd_vel_timeout=0.4, base_rate_hz=20.0), ROBOT.base)


def requests(base: Base, begin: int, milliseconds: int, allowed: bool = True) -> list[tuple[int, np.ndarray, float]]:
    """What is asked for in each of so many ms, with the time since `begin` [ms]."""
    found = []
    for number in range(milliseconds):
        due = base.due(begin + number * MILLISECOND, allowed)
        if due is not None:
            found.append((number, *due))
    return found


def test_a_robot_that_was_never_told_to_move_is_told_to_stand_and_then_nothing(base: Base) -> None:
    asked = requests(base, BEGIN, 1000)

    assert len(asked) < ZEROS and not any(velocity.any() for _, velocity, _ in asked) and not base.moves


def test_requests_come_at_their_rate_and_end_with_the_command(base: Base) -> None:
    base.command(BEGIN, 0, FORWARD)
    asked = requests(base, BEGIN, 1000)
    moving = [(at, duration) for at, velocity, duration in asked if velocity.any()]

    assert [at for at, _ in moving] == list(range(0, 401, 50))
    assert all(at + 1000 * duration <= 450 for at, duration in moving), "no request goes on beyond the command's time, but for the shortest"
    stopped = [at for at, velocity, _ in asked if not velocity.any()]
    assert stopped[0] == 401 and len(stopped) == ZEROS


def test_a_stop_does_not_wait_for_its_turn(base: Base) -> None:
    base.command(BEGIN, 0, FORWARD)
    assert base.due(BEGIN, True) is not None
    base.command(BEGIN + MILLISECOND, 0, np.zeros(3))
    due = base.due(BEGIN + MILLISECOND, True)

    assert due is not None and not due[0].any()


def test_not_allowed_it_stands_and_forgets_what_it_was_told(base: Base) -> None:
    base.command(BEGIN, 0, FORWARD)
    base.due(BEGIN, True)
    due = base.due(BEGIN + MILLISECOND, False)
    assert due is not None and not due[0].any()

    assert not any(velocity.any() for _, velocity, _ in requests(base, BEGIN + 100 * MILLISECOND, 200))


def test_velocities_are_held_to_the_robot_file(base: Base) -> None:
    base.command(BEGIN, 0, np.array([9.0, -9.0, 9.0]))
    due = base.due(BEGIN, True)

    assert due is not None and due[0].tolist() == [0.5, -0.5, 1.0]


def test_a_command_that_is_too_old_is_refused(base: Base) -> None:
    with pytest.raises(CommandError, match=r"0\.401 s old"):
        base.command(BEGIN, BEGIN - 401 * MILLISECOND, FORWARD)
