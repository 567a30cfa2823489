"""The section `grippers` of a robot file."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaw_robot import jaw_robot

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot_file import load_robot


def test_a_gripper_may_touch_the_ends_of_its_range_and_other_groups_keep_their_margin(tmp_path: Path) -> None:
    before = load_robot(jaw_robot(tmp_path, None))
    robot = load_robot(jaw_robot(tmp_path, {}))
    assert (robot.joints["jaw"].safe_lower, robot.joints["jaw"].safe_upper) == (0.0, 0.9)
    assert {n: j for n, j in robot.joints.items() if n != "jaw"} == {n: j for n, j in before.joints.items() if n != "jaw"}
    assert robot.gripping == ("jaw",) and before.gripping == ()


def test_it_keeps_pressing_and_is_not_averaged_unless_its_section_says_otherwise(tmp_path: Path) -> None:
    gripper = load_robot(jaw_robot(tmp_path, None, grippers={"gripper": {}})).grippers["gripper"]
    assert (gripper.kind, gripper.on_stop, gripper.ensemble) == ("gripper", "keep", "latest")
    hand = load_robot(jaw_robot(tmp_path, {"kind": "hand", "on_stop": "measured", "ensemble": "joints"})).grippers["gripper"]
    assert (hand.kind, hand.on_stop, hand.ensemble, hand.joints) == ("hand", "measured", "joints", ("jaw",))


def test_its_velocity_is_narrowed_in_its_own_unit(tmp_path: Path) -> None:
    assert load_robot(jaw_robot(tmp_path, {"max_velocity": 0.03}, "finger")).joints["finger"].max_velocity == 0.03


STATES = {"open": 0.8, "closed": 0.1, "threshold": 0.4}
GOALS = {"type": "gripper_command", "topic": "gripper_controller/gripper_cmd"}


@pytest.mark.parametrize(
    ("gripper", "words"),
    [
        ({"kind": "claw"}, ["grippers.gripper.kind", "'gripper', 'hand'", "claw"]),
        ({"on_stop": "drop"}, ["grippers.gripper.on_stop", "keep", "drop"]),
        ({"on_stop": "open"}, ["missing field 'open'", "on_stop"]),
        ({"threshold": 0.4, "open": 0.8}, ["missing field 'closed'", "threshold"]),
        ({**STATES, "open": 1.2}, ["grippers.gripper.open", "joint jaw", "0.9", "1.2"]),
        ({**STATES, "threshold": 0.05}, ["threshold 0.05", "between closed and open"]),
        ({**STATES, "hysteresis": 0.35}, ["hysteresis 0.35", "between closed and open"]),
        ({"max_velocity": 1.5}, ["max_velocity may only narrow the 1 rad/s", "joint jaw", "1.5"]),
    ],
)
def test_what_contradicts_itself_or_the_urdf_is_refused(tmp_path: Path, gripper: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_robot(jaw_robot(tmp_path, gripper))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_group_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"grippers names \['claw'\], but the groups are \['arm', 'gripper'\]"):
        load_robot(jaw_robot(tmp_path, None, grippers={"claw": {}}))


@pytest.mark.parametrize(
    ("joints", "words"),
    [(["arm"], ["gripper_command", "one group of the section grippers", "j1"]), (["gripper", "j1"], ["one group", "j1"])],
)
def test_goals_are_sent_to_grippers_alone(tmp_path: Path, joints: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_robot(jaw_robot(tmp_path, {}, controllers={"c": {**GOALS, "joints": joints}}))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_single_goal_has_room_for_one_joint(tmp_path: Path) -> None:
    groups = {"arm": ["j1"], "gripper": ["j2", "jaw"]}
    with pytest.raises(ConfigError, match=r"drives one joint.*parallel_gripper_command drives several"):
        load_robot(jaw_robot(tmp_path, {}, groups=groups, controllers={"c": {**GOALS, "joints": ["gripper"]}}))


def test_goals_stand_on_no_topic_that_could_be_recorded(tmp_path: Path) -> None:
    controllers = {"a": {"topic": "a/joint_trajectory", "joints": ["arm"]}, "g": {**GOALS, "joints": ["gripper"]}}
    robot = load_robot(jaw_robot(tmp_path, {}, controllers=controllers))
    assert [c.topic for c in robot.recording.commands] == ["a/joint_trajectory"]
    assert [c.name for c in robot.streamed] == ["a"]
