"""What names of joints say: their words, the part, the side."""

from __future__ import annotations

import pytest

from neon_control.core.robot.name_words import ARM, FINGER, GRIPPER, HEAD, LEG, PASSIVE, TORSO, WHEEL, kind_of, side_of, words


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("left_shoulder_pitch_joint", ("left", "shoulder", "pitch", "joint")),
        ("LShoulderPitch", ("l", "shoulder", "pitch")),
        ("arm/joint-1.x", ("arm", "joint", "1", "x")),
        ("joint_arm_l3", ("joint", "arm", "l3")),  # no left
        ("fr3_finger_joint1", ("fr", "3", "finger", "joint", "1")),
        ("", ()),
    ],
)
def test_a_name_is_taken_apart_into_its_words(name: str, found: tuple[str, ...]) -> None:
    assert words(name) == found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("r_forearm_roll_joint", ARM),
        ("gripper_left_joint", GRIPPER),
        ("xarm_gripper_drive_joint", GRIPPER),
        ("L_index_proximal_joint", FINGER),
        ("left_hand_thumb_0_joint", FINGER),  # of a hand, and a finger of it
        ("LHipYaw", LEG),
        ("NeckPitch", HEAD),
        ("waist_yaw_joint", TORSO),
        ("wheel_front_left_joint", WHEEL),
        ("wrist_ft_sensor_frame_joint", PASSIVE),
        ("openarm_left_joint1", ""),
        ("panda_joint1", ""),
    ],
)
def test_only_whole_words_tell_what_a_joint_is(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_the_first_name_that_says_something_counts() -> None:
    assert kind_of("drive_joint", "left_outer_knuckle") == FINGER
    assert kind_of("wrist_roll_joint", "gripper_link") == ARM
    assert kind_of("joint_1", "link_1") == ""


def test_most_of_the_names_tell_the_side() -> None:
    assert side_of(["left_elbow", "left_wrist", "pan"]) == "left"
    assert side_of(["joint_arm_l3", "joint_1"]) == ""
    assert side_of(["FL_hip_joint", "FL_calf_joint"], legs=True) == "front_left"
    assert side_of(["FL_hip_joint"]) == "", "an arm is left or right"
