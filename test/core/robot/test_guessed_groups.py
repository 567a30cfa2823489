"""Which joints are guessed to be what, of small robots of many kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_urdf import arm, small_urdf

from neon_control.core.robot.guessed_groups import Groups, guess_groups
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.urdf import read_urdf


def groups(folder: Path, *joints: str, more: str = "") -> Groups:
    file = small_urdf(folder, *joints, more=more)
    urdf, kinematics = read_urdf(file), Kinematics(file)
    found = guess_groups(urdf, lambda name: float(kinematics.poses([urdf.joints[name].child], {})[0][0, 0, 1]))
    everything = [*found.joints, *found.left_out, *found.unknown]
    moving = [joint.name for joint in urdf.joints.values() if joint.kind != "fixed"]
    assert sorted(everything) == sorted(moving), "every joint is somewhere, once"
    return found


def named(found: Groups) -> dict[str, tuple[str, ...]]:
    return {group.name: group.joints for group in found.groups}


HUMANOID = [
    *("left_hip_pitch >", "left_knee", "left_ankle", "right_hip_pitch >", "right_knee", "right_ankle"),
    *("waist_yaw >", "head_pan > waist_yaw", "right_shoulder > waist_yaw", "right_elbow", "right_wrist"),
    *("left_shoulder > waist_yaw", "left_elbow", "left_hand_joint"),
    *("L_thumb > left_hand_joint", "L_index > left_hand_joint", "L_index_tip > L_index mimic L_index", "L_ring > left_hand_joint"),
]


def test_a_humanoid_has_arms_hands_torso_head_and_legs(tmp_path: Path) -> None:
    found = groups(tmp_path, *HUMANOID)
    assert named(found) == {
        "left_arm": ("left_shoulder", "left_elbow", "left_hand_joint"),  # what carries fingers is a wrist, whatever it is called
        "right_arm": ("right_shoulder", "right_elbow", "right_wrist"),
        "left_hand": ("L_thumb", "L_index", "L_ring"),
        "torso": ("waist_yaw",),
        "head": ("head_pan",),
        "left_leg": ("left_hip_pitch", "left_knee", "left_ankle"),
        "right_leg": ("right_hip_pitch", "right_knee", "right_ankle"),
    }
    assert [(group.part, group.gripper) for group in found.groups][:3] == [("arms", ""), ("arms", ""), ("hands", "hand")]
    assert found.left_out == {"L_index_tip": "it follows L_index"} and found.unknown == found.wheels == ()


def test_joints_in_a_row_without_a_word_are_an_arm_and_what_closes_at_its_end_a_gripper(tmp_path: Path) -> None:
    row = [f"joint{i}" for i in range(1, 7)]
    found = groups(tmp_path, "joint1 >", *row[1:], "finger_joint1 > joint6 prismatic 0..0.04", "finger_joint2 > joint6 mimic finger_joint1")
    assert named(found) == {"arm": tuple(row), "gripper": ("finger_joint1",)}
    found = groups(tmp_path, "joint1 >", *row[1:], "r1 > joint6", "l1 > joint6 mimic r1")
    assert named(found) == {"arm": tuple(row), "gripper": ("r1",)}, "the one that another follows"
    found = groups(tmp_path, "joint1 >", *row[1:], "mors_1 > joint6", "mors_2 > joint6")
    assert named(found) == {"arm": tuple(row), "gripper": ("mors_1", "mors_2")}, "an arm does not branch"
    assert named(groups(tmp_path, "a >", "b", "c", "gripper"))["arm"] == ("a", "b", "c")


def test_what_moves_says_what_a_joint_is_where_its_name_does_not(tmp_path: Path) -> None:
    found = groups(tmp_path, *arm(), "drive_joint moves left_outer_knuckle")
    assert named(found)["gripper"] == ("drive_joint",)


def test_a_gripper_has_the_side_of_its_arm_and_not_of_its_fingers(tmp_path: Path) -> None:
    both = [*arm("l_"), "l_gripper_r_finger", *arm("r_"), "r_gripper_l_finger"]
    assert [group.name for group in groups(tmp_path, *both).groups] == ["left_arm", "right_arm", "left_gripper", "right_gripper"]
    assert "gripper" in named(groups(tmp_path, *arm(), "left_finger > wrist_3", "right_finger > wrist_3 mimic left_finger"))


def test_two_arms_that_do_not_say_their_side_are_told_by_their_place(tmp_path: Path) -> None:
    rows = [*("a1 > y -0.2", "a2", "a3"), *("b1 > y 0.2", "b2", "b3")]
    assert named(groups(tmp_path, *rows)) == {"left_arm": ("b1", "b2", "b3"), "right_arm": ("a1", "a2", "a3")}


def test_a_waist_or_lift_that_carries_one_arm_alone_is_its_first_joint(tmp_path: Path) -> None:
    on = [arm(on="> waist")[0], *arm()[1:]]
    assert named(groups(tmp_path, "waist >", *on))["arm"][0] == "waist"
    assert named(groups(tmp_path, "waist >", *on, "head > waist"))["torso"] == ("waist",)
    torso = [line.replace("> waist", "> torso_lift") for line in on]
    assert named(groups(tmp_path, "torso_lift >", *torso))["torso"] == ("torso_lift",)


WHEELS = ["wheel_left_joint > continuous", "wheel_right_joint > continuous"]


def test_wheels_are_not_commanded_also_where_they_are_called_otherwise(tmp_path: Path) -> None:
    found = groups(tmp_path, *WHEELS, *arm(), "wrist_camera_fixed fixed")
    assert found.wheels == ("wheel_left_joint", "wheel_right_joint") == tuple(found.left_out)
    assert groups(tmp_path, "back_l > continuous", "back_r > continuous", *arm()).wheels == ("back_l", "back_r")
    velocity = '<ros2_control><joint name="drive"><command_interface name="velocity"/></joint></ros2_control>'
    assert groups(tmp_path, "plate >", "drive > plate continuous", *arm(), more=velocity).wheels == ("drive",)


def test_a_motor_is_preferred_where_a_urdf_names_some_of_a_hand(tmp_path: Path) -> None:
    fingers = ["thumb > wrist_3", "thumb_tip", "index > wrist_3", "index_tip"]
    motors = "".join(f'<transmission name="{name}"><joint name="{name}"/></transmission>' for name in ("thumb", "index", "elbow"))
    found = groups(tmp_path, *arm(), *fingers, more=motors)
    assert named(found) == {"arm": tuple(line.split()[0] for line in arm()), "hand": ("thumb", "index")}
    assert set(found.left_out) == {"thumb_tip", "index_tip"}


def test_what_turns_without_end_beside_a_finger_is_shown_and_not_commanded(tmp_path: Path) -> None:
    found = groups(tmp_path, *arm(), "gripper > wrist_3 continuous", "left_finger > wrist_3 prismatic 0..0.03")
    assert named(found)["gripper"] == ("left_finger",) and list(found.left_out) == ["gripper"]


def test_legs_of_a_quadruped_are_four(tmp_path: Path) -> None:
    legs = [line for side in ("FL", "FR", "RL", "RR") for line in (f"{side}_hip >", f"{side}_thigh", f"{side}_calf")]
    assert list(named(groups(tmp_path, *legs))) == ["front_left_leg", "front_right_leg", "rear_left_leg", "rear_right_leg"]


def test_what_nothing_tells_is_in_no_group(tmp_path: Path) -> None:
    rows = [f"joint_{i}{' >' * (i % 4 == 0)}" for i in range(16)]  # a hand by itself: four rows, and no word
    assert groups(tmp_path, *rows).unknown == tuple(f"joint_{i}" for i in range(16))
    assert groups(tmp_path, *arm(), "thing >").unknown == ("thing",)
    passive = ["bellows_joint > prismatic 0..0.1", "base_free > floating"]
    assert set(groups(tmp_path, *arm(), *passive).left_out) == {"bellows_joint", "base_free"}


@pytest.mark.parametrize("count", [1, 400])
def test_long_rows_are_read_like_short_ones(tmp_path: Path, count: int) -> None:
    found = groups(tmp_path, "shoulder >", *(f"arm_{i}" for i in range(count)))
    assert len(found.joints) == count + 1
