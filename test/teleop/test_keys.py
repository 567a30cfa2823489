"""The keyboard as a hand: a key that repeats is held, and a terminal tells of nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.keys import FIRST, REPEATED, Keys

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]


@pytest.fixture
def keys() -> Keys:
    built = Keys(ROBOT, NAMES, 0.02, 0.4)
    built.jog.measured = dict.fromkeys(NAMES, 0.5)
    return built


def test_nothing_is_held_before_a_key_and_a_single_one_lets_go_by_itself(keys: Keys) -> None:
    assert not keys.wish(1.0).held
    keys.press(" ", 1.0)
    assert keys.wish(1.0 + FIRST).held and not keys.wish(1.01 + FIRST).held


def test_a_key_that_repeats_is_held_and_lets_go_soon_after_the_last(keys: Keys) -> None:
    for k in range(30):
        keys.press(" ", 1.0 + 0.04 * k)
        assert keys.wish(1.0 + 0.04 * k).held
    last = 1.0 + 0.04 * 29
    assert keys.wish(last + REPEATED - 0.01).held and not keys.wish(last + REPEATED + 0.01).held


def test_the_chosen_joint_moves_by_steps_from_where_it_is_measured_and_stays_in_its_range(keys: Keys) -> None:
    keys.press("n", 1.0)
    assert not keys.wish(1.0).held, "to choose holds nothing"
    for _ in range(3):
        keys.press("k", 1.0)
    assert keys.wish(1.0).joints == {NAMES[1]: pytest.approx(0.56)}
    for _ in range(500):
        keys.press("k", 1.0)
    assert keys.wish(1.0).joints[NAMES[1]] == ROBOT.joints[NAMES[1]].safe_upper
    assert not keys.wish(9.0).joints
    keys.press("j", 9.0)
    assert keys.wish(9.0).joints == {NAMES[1]: pytest.approx(0.48)}, "from where it is now"


def test_a_joint_that_was_never_measured_is_not_moved(keys: Keys) -> None:
    keys.jog.measured = {}
    keys.press("k", 1.0)
    assert keys.wish(1.0).held and not keys.wish(1.0).joints


def test_the_base_drives_while_its_key_repeats(keys: Keys) -> None:
    keys.press("w", 1.0)
    drive = keys.wish(1.1).drive
    assert drive is not None and drive.tolist() == [pytest.approx(0.4 * 0.5), 0.0, 0.0]
    later = keys.wish(1.5)
    assert later.held and later.drive is not None and not np.any(later.drive)


def test_g_gives_back_once_and_ends_the_hold(keys: Keys) -> None:
    keys.press(" ", 1.0)
    keys.press("g", 1.1)
    assert keys.wish(1.1).gives_back and not keys.wish(1.1).held and not keys.wish(1.2).gives_back


def test_other_keys_hold_nothing_and_without_joints_only_the_space_bar_does(keys: Keys) -> None:
    keys.press("x", 1.0)
    assert not keys.wish(1.0).held
    button = Keys(ROBOT, (), 0.02, 0.4)
    button.press("w", 1.0)
    assert not button.wish(1.0).held
    button.press(" ", 1.0)
    assert button.wish(1.0).held and button.wish(1.0).drive is None
