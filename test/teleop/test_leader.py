"""A leader arm as a hand."""

from __future__ import annotations

import math

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, load
from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.leader import STALE, Leader, LeaderFile

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]
ELBOW = "left_elbow_joint"


def leader(**fields: object) -> Leader:
    return Leader(ROBOT, NAMES, load(LeaderFile, fields, Place("arm.yaml")))


def test_without_a_file_joints_of_the_same_names_lead() -> None:
    arm = leader()
    arm.hear([*NAMES[:2], "not_ours"], [0.1, 0.2, 9.0], 1.0)
    assert arm.wish(1.0, held=True).joints == {NAMES[0]: 0.1, NAMES[1]: 0.2} and arm.triggered is None


def test_scale_and_offset_lead_a_joint_of_another_name() -> None:
    arm = leader(joints={ELBOW: {"joint": "elbow", "scale": math.radians(-1.0), "offset": 0.1}})
    arm.hear(["elbow"], [90.0], 1.0)
    assert arm.wish(1.0, held=True).joints == {ELBOW: pytest.approx(0.1 - math.pi / 2)}


def test_targets_are_told_before_the_button_is_held_so_that_it_finds_them() -> None:
    arm = leader()
    arm.hear([ELBOW], [0.3], 1.0)
    wish = arm.wish(1.0, held=False)
    assert not wish.held and wish.joints == {ELBOW: 0.3}


def test_a_leader_that_is_silent_has_let_go() -> None:
    arm = leader()
    arm.hear([ELBOW], [0.3], 1.0)
    assert arm.wish(1.0 + STALE, held=True).held
    assert not arm.wish(1.01 + STALE, held=True).held and not arm.wish(1.01 + STALE, held=True).joints


def test_a_trigger_is_a_button() -> None:
    arm = leader(enable={"joint": "trigger", "above": 0.5})
    assert arm.triggered is False
    arm.hear(["trigger"], [0.7], 1.0)
    assert arm.triggered
    low = leader(enable={"joint": "trigger", "above": 0.5, "below": True})
    low.hear(["trigger"], [0.2], 1.0)
    assert low.triggered


def test_what_gives_back_counts_once_when_it_goes_down_while_the_button_is_not_held() -> None:
    arm = leader(enable={"joint": "trigger", "above": 0.5}, give_back={"joint": "thumb", "above": 0.5})
    now = 1.0

    def gives_back(thumb: float, held: bool = False, later: float = 0.02) -> bool:
        nonlocal now
        now += later
        arm.hear(["trigger", "thumb"], [float(held), thumb], now)
        return arm.wish(now, held=bool(arm.triggered)).gives_back

    assert not gives_back(0.9), "it was pressed from the start"
    assert not gives_back(0.1) and gives_back(0.9) and not gives_back(0.9)
    assert not gives_back(0.1, held=True) and not gives_back(0.9, held=True)
    assert not gives_back(0.9), "it was pressed while the button was held"
    assert not gives_back(0.1) and gives_back(0.9) and not gives_back(0.1)
    assert not gives_back(0.9, later=2 * STALE), "nobody knows when it went down"
    assert not gives_back(0.1) and gives_back(0.9)


def test_a_press_between_two_looks_is_not_lost_and_one_that_a_silence_followed_is_too_old() -> None:
    arm = leader(give_back={"joint": "thumb", "above": 0.5, "below": True})
    for thumb in (0.9, 0.1, 0.9):
        arm.hear(["thumb"], [thumb], 1.0)
    assert arm.wish(1.0, held=False).gives_back
    arm.hear(["thumb"], [0.1], 1.1)
    assert not arm.wish(1.2 + STALE, held=False).gives_back and not arm.wish(1.2, held=False).gives_back


def test_a_relative_leader_moves_the_robot_from_where_it_is() -> None:
    arm = leader(relative=True, joints={ELBOW: {"scale": 2.0}})
    arm.measured = {ELBOW: 1.0}
    arm.hear([ELBOW], [-0.4], 1.0)
    assert not arm.wish(1.0, held=False).joints
    assert arm.wish(1.0, held=True).joints == {ELBOW: pytest.approx(1.0)}
    arm.measured = {ELBOW: 1.1}
    arm.hear([ELBOW], [-0.3], 1.05)
    assert arm.wish(1.05, held=True).joints == {ELBOW: pytest.approx(1.2)}
    arm.wish(1.1, held=False)
    assert arm.wish(1.15, held=True).joints == {ELBOW: pytest.approx(1.1)}, "the clutch was opened"


def test_a_message_that_is_not_whole_is_left_alone() -> None:
    arm = leader()
    arm.hear([ELBOW], [0.3], 1.0)
    arm.hear([ELBOW], [math.nan], 1.1)
    arm.hear([ELBOW, NAMES[0]], [0.5], 1.1)
    assert arm.wish(1.1, held=True).joints == {ELBOW: 0.3}


def test_a_joint_that_the_robot_has_not_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="nose"):
        leader(joints={"nose": {}})
