"""The order of a G1's motors, and which of them a model has."""

from __future__ import annotations

import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.motors import ARMS, HAND_JOINTS, HAND_MOTORS, JOINTS, LEGS, MODELS, PLACES, WAIST, model_of


def test_the_names_are_those_of_the_robot_file() -> None:
    assert set(JOINTS) == set(load_robot("g1.yaml").joints)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (0, "left_hip_pitch_joint"),
        (5, "left_ankle_roll_joint"),
        (6, "right_hip_pitch_joint"),
        (12, "waist_yaw_joint"),
        (13, "waist_roll_joint"),
        (14, "waist_pitch_joint"),
        (15, "left_shoulder_pitch_joint"),
        (18, "left_elbow_joint"),
        (21, "left_wrist_yaw_joint"),
        (22, "right_shoulder_pitch_joint"),
        (28, "right_wrist_yaw_joint"),
    ],
)
def test_a_joint_stands_at_its_motors_place(place: int, name: str) -> None:
    assert JOINTS[place] == name and PLACES[name] == place


def test_the_places_of_legs_waist_and_arms_are_all() -> None:
    assert [*LEGS, *WAIST, *ARMS] == list(range(29))
    assert all("waist" in JOINTS[place] for place in WAIST)
    assert all("shoulder" in JOINTS[place] or "elbow" in JOINTS[place] or "wrist" in JOINTS[place] for place in ARMS)


def test_the_model_of_23_joints_has_no_waist_roll_and_no_wrist_pitch() -> None:
    model = MODELS["23"]

    assert len(model.joints) == 23
    missing = {"waist_roll_joint", "waist_pitch_joint", *(f"{s}_wrist_{a}_joint" for s in ("left", "right") for a in ("pitch", "yaw"))}
    assert {name for name in JOINTS if not model.has(name)} == missing


def test_a_locked_waist_leaves_27_joints() -> None:
    assert len(MODELS["27"].joints) == 27 and not MODELS["27"].has("waist_pitch_joint") and MODELS["27"].has("waist_yaw_joint")


def test_no_model_has_a_joint_that_there_is_not() -> None:
    assert not MODELS["29"].has("head_joint")


def test_lowstate_tells_the_model() -> None:
    found = {mode: None if (model := model_of(mode)) is None else model.name for mode in range(20)}
    known = {4: "23", 10: "23", 5: "29", 11: "29", 13: "29", 15: "29", 6: "27", 12: "27", 14: "27", 16: "27"}

    assert found == {mode: known.get(mode) for mode in range(20)}
    assert all(model_of(model.mode_machine) is model for model in MODELS.values())


def test_the_fingers_of_a_right_hand_come_in_another_order() -> None:
    assert all(len(names) == HAND_MOTORS for names in HAND_JOINTS.values())
    assert HAND_JOINTS["left"][3] == "left_hand_middle_0_joint" and HAND_JOINTS["right"][3] == "right_hand_index_0_joint"
