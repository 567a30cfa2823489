"""The section `recording` of a robot file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.joint_units import JointUnit
from neon_control.core.robot.recording_names import CommandTopic, LeRobotNames, RecordingConfig, load_recording
from neon_control.core.robot.robot_file import load_robot

CONTROLLERS = (CommandTopic("arm/commands", ("one", "two")),)


def load(data: Any) -> RecordingConfig:
    return load_recording(Path("r.yaml"), data, CONTROLLERS, cameras=("front", "hand"), joints={"one": "rad", "two": "m"})


def test_without_a_section_topics_are_those_of_the_live_nodes_and_of_the_controllers() -> None:
    assert load(None) == RecordingConfig(commands=CONTROLLERS, slides=frozenset({"two"}), robot_cameras=("front", "hand"))
    robot = load_robot("g1.yaml")
    assert [c.topic for c in robot.recording.commands] == [c.topic for c in robot.controllers]
    assert robot.recording.commands[0].joints == robot.controllers[0].joints
    assert (robot.recording.camera, robot.recording.base) == ("camera/image_raw", "cmd_vel")


def test_what_is_named_replaces_the_default() -> None:
    config = load({"camera": "head/image", "audio": "", "commands": "none", "lerobot": {"unit": "deg", "state": {"one": "1.pos"}}})
    assert (config.camera, config.audio, config.commands) == ("head/image", "", ())
    assert config.lerobot == LeRobotNames(unit="deg", state={"one": "1.pos"})


def test_a_dataset_s_words_for_cameras_and_joints_are_read_and_bags_keep_their_features() -> None:
    section = {
        "images": {"hand": "observation.images.wrist"},
        "joints": {"*": {"unit": "deg"}, "one": {"range": [0, 100]}},
        "state": {"one": 3},
    }
    config = load({"lerobot": {"image": "observation.images.top", **section}})
    assert config.lerobot.joints == {"*": JointUnit(unit="deg"), "one": JointUnit(range=(0.0, 100.0))} and config.lerobot.state == {
        "one": "3"
    }
    both = replace(config, name="front", robot_cameras=("front", "wrist")).looking_through(
        [Camera("hand", topic="h"), Camera("front", topic="f")]
    )
    assert both.image_features() == {"hand": "observation.images.wrist", "front": "observation.images.top"}
    assert repr(load({"lerobot": {"joints": {"one": {"sign": -1}}}})) == repr(load(None)), "what features of bags are kept by"


def test_the_example_in_the_robot_file_is_what_is_read() -> None:
    text = find_file("g1.yaml", "config").read_text()
    example = "\n".join(line.removeprefix("# ") for line in text[text.index("# recording:") :].splitlines())
    config = load(yaml.safe_load(example)["recording"])
    assert config.lerobot.action == {"base/vx": "x.vel"}
    assert config.camera == RecordingConfig().camera and config.commands == CONTROLLERS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (["camera"], "recording must be a mapping, got ['camera']"),
        ({"kamera": "x"}, "kamera"),
        ({"camera": ""}, "recording.camera must be a text that is not empty, got ''"),
        ({"audio": 5}, "recording.audio must be a text, got 5"),
        ({"commands": "some"}, "recording.commands must be one of ['controllers', 'none'], got 'some'"),
        ({"audio_rate_hz": 100}, "recording.audio_rate_hz must be a whole number >= 8000, got 100"),
        ({"reaction": float("nan")}, "recording.reaction must be a finite number >= 0.0, got nan"),
        ({"lerobot": {"unit": "turns"}}, "recording.lerobot.unit must be one of ['rad', 'deg'], got 'turns'"),
        ({"lerobot": {"state": ["a"]}}, "recording.lerobot.state must be a mapping, got ['a']"),
        ({"lerobot": {"pictures": "a"}}, "pictures"),
        (
            {"lerobot": {"images": {"back": "a"}}},
            "recording.lerobot.images must be a mapping of the cameras ['front', 'hand'], got ['back']",
        ),
        ({"lerobot": {"joints": {"three": {"sign": -1}}}}, "recording.lerobot.joints must be a mapping of joints, or of patterns of them"),
        ({"lerobot": {"joints": {"two": {"unit": "deg"}}}}, "joints.two.unit must be left out: the joint slides, in m, got 'deg'"),
        ({"lerobot": {"action_joints": {"one": {"range": [1, 1]}}}}, "action_joints.one.range must be two different numbers"),
        ({"lerobot": {"state_key": ""}}, "recording.lerobot.state_key must be a text that is not empty, got ''"),
    ],
)
def test_mistakes_are_named(data: Any, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(data)
    assert str(error.value).startswith("r.yaml: ") and words in str(error.value)
