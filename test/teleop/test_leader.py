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
