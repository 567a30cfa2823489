"""Which controllers follow the motion: several at once, one that does not follow, and what is sent to whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.control.entering import PATIENCE, STEP
from neon_control.core.control.joining import PAUSE, TRUSTED, Joining
from neon_control.core.control.promise import Motion
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.robot_file import load_robot

MS, SECOND = 1_000_000, 1_000_000_000
NOW = 1000 * SECOND
G1 = load_robot("g1.yaml")
SIDES = {"left": G1.groups["left_arm"], "right": G1.groups["right_arm"]}
NAMES = SIDES["left"] + SIDES["right"]
ROBOT = replace(G1, base=None, controllers=tuple(ControllerConfig(s, f"{s}/joint_trajectory", j) for s, j in SIDES.items()))
LIMIT = 0.05  # [rad]
POSE = 0.5 * (ROBOT.limits(NAMES, "safe_lower") + ROBOT.limits(NAMES, "safe_upper"))
TARGET = POSE + 0.2
STILL = np.zeros(len(NAMES))
WINDOW = Motion(np.array([NOW, NOW + SECOND]), np.tile(POSE, (2, 1)), np.zeros((2, len(NAMES))))


class Joints:
    """Perfect joints of those controllers that are `active`, and a clock of 10 ms."""

    def __init__(self, *active: str, sag: float = 0.0, limit: float = LIMIT) -> None:
        self.joining = Joining(ROBOT, NAMES, limit, 0.01)
        self.active, self.sag = set(active), sag
        self.now = NOW
        self.pose = POSE.copy()
        self.ways: dict[str, Motion] = {}
        self.joining.begin(self.now, self.pose)

    def seek(self, seconds: float) -> bool:
        """Whether nobody is waited for any more, after so many at most."""
        for _ in range(round(seconds * 100)):
            self.now += 10 * MS
            for side, motion in self.joining.messages(WINDOW).items():
                if motion is not WINDOW:
                    self.ways[side] = motion
            for side in self.active & self.ways.keys():
                columns = self.joining.columns[side]
                if self.now >= self.ways[side].times[0]:
                    self.pose[columns] = self.ways[side].at(self.now)[0][columns] + self.sag
            if self.joining.seek(self.now, POSE, self.pose, TARGET):
                return True
        return False

    def joined(self) -> list[str]:
        return [name for name, entry in self.joining.entries.items() if entry.joined]


def test_controllers_are_joined_once_they_have_taken_a_step():
    joints = Joints("left", "right")
    assert joints.joined() == [] and joints.joining.ask_again(0)
    joints.seek(0.3)
    assert joints.seek(2.0) and joints.joined() == ["left", "right"] and not joints.joining.complaint
    assert np.abs(joints.pose - POSE).max() <= STEP * (1 + 1e-9)
    assert joints.joining.messages(WINDOW) == {"left": WINDOW, "right": WINDOW}


def test_until_then_each_is_sent_single_messages_and_each_of_them_once():
    joints = Joints()
    first = joints.joining.messages(WINDOW)
    assert first.keys() == {"left", "right"} and all(m is not WINDOW and m.times[0] > NOW for m in first.values())
    assert joints.joining.messages(WINDOW) == {}


def test_a_controller_that_does_not_follow_is_named_and_tried_again_after_a_pause():
    joints = Joints("left")
    while not joints.joining.complaint and joints.now < NOW + 3 * SECOND:
        joints.seek(0.01)
    refused = joints.now
    assert joints.joined() == ["left"] and "right do not follow" in joints.joining.complaint
    assert refused > joints.ways["right"].times[-1] + PATIENCE * SECOND
    assert not joints.joining.in_order(refused + round(PAUSE * SECOND) - 1) and joints.joining.complaint
    assert joints.joining.in_order(refused + round(PAUSE * SECOND)) and not joints.joining.complaint
    joints.active.add("right")
    joints.joining.place(joints.now, POSE, joints.pose)
    joints.seek(0.3)
    joints.seek(2.0)
    assert joints.joined() == ["left", "right"]


def test_while_it_is_not_joined_its_columns_are_where_it_was_told_to_be():
    joints = Joints("left")
    joints.seek(0.5)
    entering = list(joints.joining.entering(joints.now))
    assert {tuple(columns) for columns, _ in entering} <= {tuple(c) for c in joints.joining.columns.values()}
    assert tuple(joints.joining.columns["right"]) in {tuple(columns) for columns, _ in entering}


def joined(sag: float = 0.0) -> Joints:
    joints = Joints("left", "right", sag=sag)
    joints.seek(0.3)
    joints.seek(2.0)
    assert joints.joined() == ["left", "right"]
    return joints


def test_a_joint_that_is_left_behind_leaves_with_its_controller_only():
    joints = joined()
    gaps = STILL.copy()
    gaps[joints.joining.columns["right"][2]] = 1.1 * LIMIT
    assert not joints.joining.watch(joints.now, 0.9 * gaps, STILL)
    assert joints.joining.watch(joints.now, gaps, STILL)
    assert joints.joined() == ["left"] and SIDES["right"][2] in joints.joining.complaint
    assert joints.joining.worst(gaps)[1] == 0.0, "who is not joined is not told to be anywhere"
    assert not joints.joining.watch(joints.now, gaps, STILL), "once is enough"


def test_a_lag_that_the_velocity_explains_is_none():
    joints = joined()
    assert not joints.joining.watch(joints.now, STILL + 1.5 * LIMIT, STILL + 10.0 * LIMIT)


def test_sag_under_gravity_is_not_taken_for_a_joint_that_does_not_follow():
    sag = -0.012
    joints = joined(sag)
    assert not joints.joining.watch(joints.now, STILL + sag - 0.9 * LIMIT, STILL)
    assert joints.joining.watch(joints.now, STILL + sag - 1.1 * LIMIT, STILL)


def test_after_a_long_rest_they_have_to_show_anew_that_they_follow():
    joints = joined()
    assert not joints.joining.ask_again(round(TRUSTED * SECOND))
    assert joints.joining.ask_again(round(TRUSTED * SECOND) + 1) and joints.joined() == []


def test_a_message_that_was_withdrawn_was_never_a_step():
    joints = Joints("left", "right")
    joints.joining.messages(WINDOW)
    joints.joining.withdraw("right")
    assert [columns.tolist() for columns, _ in joints.joining.entering(NOW)] == [joints.joining.columns["left"].tolist()]
    both = joined()
    both.joining.withdraw("right")
    assert both.joined() == ["left", "right"], "a window that was withdrawn is for the promise"


def test_a_message_that_was_held_up_keeps_everybody_quiet_until_it_must_have_ended():
    joints = joined()
    rested = joints.now + SECOND
    joints.joining.lose("left", joints.now, rested)
    assert joints.joined() == ["right"] and "held up" in joints.joining.complaint
    assert not joints.joining.at_rest(rested - 1) and joints.joining.at_rest(rested)


def test_a_clock_that_was_set_ends_what_was_under_way_and_keeps_who_has_joined():
    joints = joined()
    joints.joining.lose("left", joints.now, joints.now + SECOND)
    joints.joining.place(joints.now, POSE, joints.pose)
    joints.joining.shift(-100 * SECOND)
    assert joints.joined() == ["right"] and joints.joining.at_rest(NOW - 100 * SECOND) and joints.joining.in_order(NOW - 100 * SECOND)
    assert list(joints.joining.entering(joints.now)) == []


def test_without_a_limit_all_count_as_joined_and_nothing_is_watched():
    joints = Joints(limit=0.0)
    assert joints.joined() == ["left", "right"] and not joints.joining.ask_again(10 * SECOND)
    assert not joints.joining.watch(NOW, STILL + 3.0, STILL)


@pytest.mark.parametrize("limit", [0.0, LIMIT])
def test_a_position_controller_counts_as_joined_and_is_watched_only(limit):
    controllers = tuple(replace(c, type="position") for c in ROBOT.controllers)
    joining = Joining(replace(ROBOT, controllers=controllers), NAMES, limit, 0.01)
    joining.begin(NOW, POSE)
    assert joining.standing == ["left", "right"] and not joining.entries and not joining.ask_again(10 * SECOND)
    assert joining.watch(NOW, STILL + 2.0 * LIMIT, STILL) is bool(limit)


def test_a_limit_of_the_jerk_holds_for_the_step_by_which_a_controller_is_tried():
    jerk, period = 300.0, 0.01
    gentle = replace(ROBOT, joints={name: replace(joint, max_jerk=jerk) for name, joint in ROBOT.joints.items()})
    joining = Joining(gentle, NAMES, LIMIT, period)
    joining.begin(NOW, POSE)
    joining.seek(NOW + SECOND, POSE, POSE, TARGET)
    motion = joining.messages(WINDOW)["left"]
    accelerations = np.diff(motion.velocities, axis=0) / (1e-9 * np.diff(motion.times)[:, None])
    assert np.abs(np.diff(accelerations, axis=0)).max() == pytest.approx(jerk * period)
    assert np.abs(np.diff(motion.positions[:, 0])).sum() == pytest.approx(STEP)
