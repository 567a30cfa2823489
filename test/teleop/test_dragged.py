"""Hands that somebody drags in a picture of the robot."""

from __future__ import annotations

import dataclasses

import numpy as np

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.teleop.dragged import SPEED, DraggedHands

ROBOT = load_robot("g1.yaml")
LEFT, RIGHT = "left_hand_tcp", "right_hand_tcp"
MEASURED = dict.fromkeys(ROBOT.joints, 0.2)
PERIOD = 0.02  # [s]


def hands() -> DraggedHands:
    return DraggedHands(ROBOT, Kinematics(ROBOT.urdf_path))


def test_each_hand_has_the_joints_of_its_arm() -> None:
    wanted = {LEFT: ROBOT.groups["left_arm"], RIGHT: ROBOT.groups["right_arm"]}
    assert hands().hands == wanted
    otherwise = dataclasses.replace(ROBOT, groups=dict(reversed(ROBOT.groups.items())))
    assert DraggedHands(otherwise, Kinematics(ROBOT.urdf_path)).hands == wanted, "in whatever order the robot file names them"


def test_both_hands_go_where_they_are_dragged_no_faster_than_allowed() -> None:
    dragged = hands()
    goals = {hand: dragged.pose(hand, MEASURED) for hand in (LEFT, RIGHT)}
    for hand, (place, rotation) in goals.items():
        dragged.drag(hand, place + np.array([0.04, 0.0, 0.04]), rotation)
    before = dict(MEASURED)
    for _ in range(100):
        targets = dragged.step(MEASURED, PERIOD)
        names = tuple(targets)
        assert set(names) == {*ROBOT.groups["left_arm"], *ROBOT.groups["right_arm"]}
        moved = np.array([abs(targets[n] - before[n]) for n in names])
        assert (moved <= SPEED * PERIOD * ROBOT.limits(names, "max_velocity") + 1e-9).all()
        before |= targets
    for hand, (place, _) in goals.items():
        np.testing.assert_allclose(dragged.pose(hand, before)[0], place + np.array([0.04, 0.0, 0.04]), atol=0.01)
    assert dragged.complaint == f"{LEFT} is 6 cm behind; {RIGHT} is 6 cm behind", "the robot did not follow"
    dragged.step(before, PERIOD)
    assert dragged.complaint == ""


def test_what_is_out_of_reach_is_said_once_the_arm_is_stretched_towards_it() -> None:
    dragged = hands()
    place, rotation = dragged.pose(LEFT, MEASURED)
    dragged.drag(LEFT, place + np.array([2.0, 0.0, 0.0]), rotation)
    targets = dragged.step(MEASURED, PERIOD)
    assert dragged.complaint == "", "it is on its way"
    for _ in range(250):
        targets = dragged.step(MEASURED, PERIOD)
    assert dragged.complaint.startswith(f"{LEFT} is out of reach by 1")
    assert dragged.pose(LEFT, {**MEASURED, **targets})[0][0] > place[0]
    dragged.release()
    assert dragged.complaint == "" and dragged.dragged == () and dragged.step(MEASURED, PERIOD) == {}


def test_an_arm_that_was_not_measured_yet_is_not_led() -> None:
    dragged = hands()
    dragged.drag(LEFT, np.zeros(3), np.eye(3))
    assert dragged.step({}, PERIOD) == {}
