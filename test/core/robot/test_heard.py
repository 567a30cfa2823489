"""What was heard of a running robot, as a robot file says it."""

from __future__ import annotations

import pytest

from neon_control.core.robot.heard import Heard

TRAJECTORY, ARRAY = "trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray"
TWIST, STAMPED = "geometry_msgs/msg/Twist", "geometry_msgs/msg/TwistStamped"
IMAGE, PACKED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
GROUPS = {"left_arm": ("a", "b"), "right_arm": ("c",), "left_gripper": ("d",)}


@pytest.mark.parametrize(
    ("arrived", "prefix"),
    [
        (("pan", "elbow", "wheel"), ""),
        (("r1/pan", "r1/elbow"), "r1/"),
        (("left_pan", "left_elbow", "right_pan"), "left_"),  # of the prefix that most joints have
        (("x", "y"), ""),
        ((), ""),
    ],
)
def test_the_prefix_is_what_stands_before_the_names_that_arrive(arrived: tuple[str, ...], prefix: str) -> None:
    assert Heard(arrived).prefix(["pan", "elbow"]) == prefix


def test_a_controller_is_the_groups_that_has_its_part_and_its_side_in_its_name() -> None:
    topics = {"left_arm_controller/joint_trajectory": TRAJECTORY, "/r_arm/commands": ARRAY, "legs/joint_trajectory": TRAJECTORY}
    heard = Heard(commanded=topics, actions={"left_hand_controller/gripper_cmd": "control_msgs/action/GripperCommand"})
    assert heard.controllers(GROUPS) == {
        "left_arm": ("left_arm_controller/joint_trajectory", "joint_trajectory"),
        "right_arm": ("/r_arm/commands", "position"),
        "left_gripper": ("left_hand_controller/gripper_cmd", "gripper_command"),
    }
    parallel = Heard(actions={"gripper/cmd": "control_msgs/action/ParallelGripperCommand"})
    assert parallel.controllers({"gripper": ("d",), "arm": ("a",)}) == {"gripper": ("gripper/cmd", "parallel_gripper_command")}


def test_the_one_controller_whose_name_says_nothing_is_that_of_the_one_arm() -> None:
    heard = Heard(commanded={"scaled_joint_trajectory_controller/joint_trajectory": TRAJECTORY})
    assert heard.controllers({"arm": ("a",)}) == {"arm": ("scaled_joint_trajectory_controller/joint_trajectory", "joint_trajectory")}
    assert heard.controllers(GROUPS) == {}, "of two arms nobody knows which"


def test_the_base_is_told_where_somebody_listens_for_a_velocity() -> None:
    assert Heard(commanded={"teleop/cmd_vel": STAMPED, "cmd_vel": TWIST}).base() == ("cmd_vel", "twist")
    assert Heard(commanded={"base/cmd_vel": STAMPED, "other": TWIST}).base() == ("base/cmd_vel", "twist_stamped")
    assert Heard(commanded={"x": TRAJECTORY}).base() is None


def test_cameras_are_called_after_their_topics_and_depth_is_none() -> None:
    images = {
        "camera/color/image_raw": IMAGE,
        "camera/color/image_raw/compressed": PACKED,
        "camera/depth/image_rect_raw": IMAGE,
        "left_wrist/image_raw/compressed": PACKED,
        "/2/image": IMAGE,
        "camera/rgb/image_raw": IMAGE,
    }
    assert Heard(images=images).cameras() == {
        "camera_2": {"topic": "/2/image"},
        "camera": {"topic": "camera/color/image_raw"},
        "camera_3": {"topic": "camera/rgb/image_raw"},
        "left_wrist": {"topic": "left_wrist/image_raw", "transport": "compressed"},
    }
