"""Drafts of whole robot files: what is in them, what is marked, and that they load."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_urdf import arm, small_urdf

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.heard import Heard
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_draft import Draft, draft_robot
from neon_control.core.robot.robot_draft_text import write_draft
from neon_control.core.robot.robot_file import load_robot

FINGERS = ["left_finger > wrist_3 prismatic 0..0.04 at 0.2", "right_finger > wrist_3 mimic left_finger"]
WHEELS = ["wheel_left_joint > continuous", "wheel_right_joint > continuous"]


def draft(folder: Path, *joints: str, heard: Heard | None = None, more: str = "") -> Draft:
    file = small_urdf(folder, *joints, more=more)
    return draft_robot(file, file.name, heard=heard)


def loaded(folder: Path, what: Draft) -> Robot:
    file = folder / "r.yaml"
    file.write_text(write_draft(what)[0])
    return load_robot(file)


def test_what_can_be_guessed_loads_at_once(tmp_path: Path) -> None:
    robot = loaded(tmp_path, draft(tmp_path, *WHEELS, *arm(), *FINGERS, "head_pan >"))
    assert robot.groups["gripper"] == ("left_finger",) and len(robot.joints) == 8
    assert robot.parts["arms"] == robot.groups["arm"] and robot.parts["torso"] == ("head_pan",)
    assert robot.grippers["gripper"].kind == "gripper" and robot.joints["left_finger"].unit == "m"
    assert robot.base is not None and robot.base.axes == (True, False, True)
    assert robot.controllers[0].topic == "arm_controller/joint_trajectory"
    assert max(joint.max_velocity for joint in robot.joints.values()) <= 1.0


def test_a_humanoid_has_no_base_before_a_person_has_said_so(tmp_path: Path) -> None:
    legs = [f"{side}_{name}" + " >" * (name == "hip") for side in ("left", "right") for name in ("hip", "knee", "ankle")]
    what = draft(tmp_path, *legs, *arm("left_"), *arm("right_"))
    assert what.base is None and what.walks
    assert "# base: # where a walking controller takes velocities" in write_draft(what)[0]
    assert loaded(tmp_path, what).parts["legs"] == tuple(line.split()[0] for line in legs)


def test_a_continuous_joint_and_zero_limits_are_marked_and_only_the_latter_are_needed(tmp_path: Path) -> None:
    what = draft(tmp_path, "shoulder > continuous", "elbow 0..0 at 0", "wrist")
    text, decisions = write_draft(what)
    needed = {decision.field: decision.needed for decision in decisions}
    assert needed["limits.joints.elbow"] and not needed["limits.joints.shoulder"]
    with pytest.raises(ConfigError, match=r"limits\.joints\.elbow\.instead_of_urdf\.lower"):
        loaded(tmp_path, what)
    (tmp_path / "r.yaml").write_text(text.replace("lower: null, upper: null, velocity: null", "lower: -1.0, upper: 1.0, velocity: 0.5"))
    assert load_robot(tmp_path / "r.yaml").joints["elbow"].upper == 1.0


def test_a_robot_without_an_arm_says_that_it_needs_one(tmp_path: Path) -> None:
    text, decisions = write_draft(draft(tmp_path, *(f"joint_{i} >" for i in range(4))))
    assert {d.field for d in decisions if d.needed} == {"groups", "parts.arms"}
    assert "nothing says what joint_0, joint_1, joint_2, joint_3 are" in text
    with pytest.raises(ConfigError, match="no joint that could be commanded"):
        draft(tmp_path, "a fixed", "b fixed")


def test_links_in_a_circle_are_refused_and_a_floating_base_is_not(tmp_path: Path) -> None:
    circle = "".join(
        f'<link name="{a}"/><joint name="{a}{b}" type="fixed"><parent link="{a}"/><child link="{b}"/></joint>' for a, b in ("xy", "yx")
    )
    with pytest.raises(ConfigError, match="hang on each other"):
        draft(tmp_path, *arm(), more=circle)
    assert draft(tmp_path, "free > floating", *arm(on="> free"), *FINGERS).groups.left_out["free"] == "it is floating"


@pytest.mark.parametrize(("word", "sideways"), [("mecanum", True), ("plain", False)])
def test_a_base_goes_sideways_where_its_wheels_say_so(tmp_path: Path, word: str, sideways: bool) -> None:
    robot = loaded(tmp_path, draft(tmp_path, f"{word}_wheel_a > continuous", f"{word}_wheel_b > continuous", *arm()))
    assert robot.base is not None and robot.base.axes[1] is sideways


def test_cameras_are_those_of_the_urdf_without_depth(tmp_path: Path) -> None:
    links = "".join(
        f'<link name="{name}"/><joint name="{name}_fixed" type="fixed"><parent link="base"/><child link="{name}"/></joint>'
        for name in ("head_camera_link", "head_camera_rgb_optical_frame", "head_camera_depth_frame", "left_wrist_d405_link")
    )
    robot = loaded(tmp_path, draft(tmp_path, *arm(), more=links))
    assert [camera.topic for camera in robot.cameras] == ["head_camera/image_raw", "left_wrist_d405/image_raw"]


TRAJECTORY, TWIST = "trajectory_msgs/msg/JointTrajectory", "geometry_msgs/msg/Twist"


def test_what_was_heard_is_not_marked(tmp_path: Path) -> None:
    heard = Heard(
        ("r1/shoulder_pan", *(f"r1/{line}" for line in arm()[1:]), "r1/left_finger"),
        {"robot_arm/joint_trajectory": TRAJECTORY, "base/cmd_vel": TWIST},
        {"eye/image_raw": "sensor_msgs/msg/Image"},
    )
    what = draft(tmp_path, *arm(), *FINGERS, heard=heard)
    marked = {decision.field for decision in write_draft(what)[1]}
    assert marked == {"limits.groups.arm", "limits.groups.gripper", "controllers.gripper_controller", "grippers.gripper", "base"}
    robot = loaded(tmp_path, what)
    assert robot.joint_prefix == "r1/" and robot.controllers[0].topic == "robot_arm/joint_trajectory"
    assert robot.base is not None and (robot.base.topic, robot.base.message) == ("base/cmd_vel", "twist")
    assert [camera.name for camera in robot.cameras] == ["eye"]


def test_the_end_of_an_arm_is_an_example_for_the_simulation(tmp_path: Path) -> None:
    what = draft(tmp_path, *arm(), "flange fixed moves tool0", *FINGERS)
    assert what.end_effectors == {"arm": "tool0"}
    assert "\n#   hands: {arm: {group: arm, tcp: tool0}}\n" in write_draft(what)[0]


def test_joints_that_nobody_reports_are_named(tmp_path: Path) -> None:
    what = draft(tmp_path, *arm(), heard=Heard(tuple(line.split()[0] for line in arm()[:4])))
    assert "nothing arrived of wrist_2, wrist_3" in what.doubts[0]
    assert "nothing arrived on joint_states" in draft(tmp_path, *arm(), heard=Heard()).doubts[0]
