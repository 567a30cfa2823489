"""The names of topics that recordings go by."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from neon_control.core.robot import topic_names, topics
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot_file import load_robot

DOCUMENTED = (Path(__file__).resolve().parents[3] / "docs" / "topics.md").read_text()


def test_the_names_are_the_documented_ones() -> None:
    names = {value for key, value in vars(topic_names).items() if key.isupper() and isinstance(value, str)}

    assert [name for name in sorted(names) if f"`{name}`" not in DOCUMENTED] == []
    of_nodes = dict(re.findall(r"^## (\w+)$[^#]*`(~/episode)`", DOCUMENTED, flags=re.MULTILINE))
    assert tuple(f"{node}/episode" for node in of_nodes) == topic_names.EPISODES, "relative to their nodes"


def test_a_recording_holds_inputs_outputs_and_every_controller_of_the_robot() -> None:
    found = topics.recorded_topics(load_robot("g1.yaml"))

    assert {"camera/image_raw", "joint_states", "audio", "action_chunk/joints", "torso_controller/joint_trajectory", "cmd_vel"} <= set(
        found
    )
    assert {"odom", "imu", "sim_node/episode", "unitree_sim_node/episode"} <= set(found)
    assert {"takeover/enable", "takeover/joints", "takeover/base", "commander"} <= set(found)


def test_a_replay_moves_all_that_nodes_say_and_nothing_that_they_read() -> None:
    robot = load_robot("g1.yaml")
    moved = topics.replay_remappings(robot, "/r1/")

    assert moved["/r1/arm_controller/joint_trajectory"] == "/recorded/r1/arm_controller/joint_trajectory"
    assert moved["/diagnostics"] == "/recorded/diagnostics"
    assert moved["/r1/takeover/enable"] == "/recorded/r1/takeover/enable", "a replay takes over nothing"
    assert not set(moved) & {topics.resolve(t, "r1") for inputs in topics.input_topics(robot).values() for t in inputs}


def test_inputs_are_those_of_the_robot_file_and_a_replay_plays_them_where_the_nodes_listen() -> None:
    robot = load_robot("g1.yaml")
    recording = replace(robot.recording, camera="rgb", joint_states="/drives/states", audio="", base="drives/cmd_vel", instruction="told")
    robot = replace(robot, cameras=(Camera("head", "head/image"), Camera("wrist", "wrist/image")), recording=recording)
    moved = topics.replay_remappings(robot, "r1")

    assert topics.input_topics(robot) == {
        "camera": ("rgb", "rgb/compressed", "head/image", "head/image/compressed"),
        "camera_wrist": ("wrist/image", "wrist/image/compressed"),
        "joint_states": ("/drives/states", "joint_states"),
        "instruction": ("told", "instruction"),
    }
    assert {"/drives/states", "joint_states", "rgb", "wrist/image", "drives/cmd_vel"} <= set(topics.recorded_topics(robot))
    assert moved["/drives/states"] == "/r1/joint_states"
    assert moved["/r1/rgb/compressed"] == "/r1/head/image/compressed"
    assert moved["/r1/told"] == "/r1/instruction"
    assert moved["/r1/drives/cmd_vel"] == "/recorded/r1/drives/cmd_vel"
    assert "/r1/wrist/image" not in moved
