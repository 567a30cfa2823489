"""The section `unitree` of a robot file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from g1_bench import ROBOT

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.section import Gain, Section, load_section

NAMES = ("left_elbow_joint", "left_wrist_roll_joint", "waist_yaw_joint", "left_hand_thumb_0_joint", "left_hand_index_0_joint")


def written(folder: Path, section: object) -> Path:
    data = yaml.safe_load(ROBOT.file.read_text())
    data["urdf"], data["unitree"] = str(ROBOT.urdf_path), section
    file = folder / "g1.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def test_the_defaults_are_careful() -> None:
    assert Section().of(NAMES).tolist() == [[60.0, 40.0, 240.0, 2.0, 1.0], [1.5, 1.5, 6.0, 0.1, 0.1]]


def test_a_pattern_of_the_file_counts_before_the_defaults(tmp_path: Path) -> None:
    section = load_section(load_robot(written(tmp_path, {"gains": {"left_*": {"kp": 80, "kd": 3}}})))

    assert section.gains == {"left_*": Gain(80.0, 3.0)}
    assert section.of(NAMES[:3]).tolist() == [[80.0, 80.0, 240.0], [3.0, 3.0, 6.0]]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"gains": {"left_*": {"kp": 0, "kd": 3}}}, r"unitree\.gains\.left_\*\.kp must be a finite number|kp must be"),
        ({"gains": {"lift_*": {"kp": 60, "kd": 3}}}, "no joint is called 'lift_\\*'"),
        ({"gain": {}}, "takes the fields"),
    ],
)
def test_a_wrong_section_is_refused(tmp_path: Path, section: object, message: str) -> None:
    robot = load_robot(written(tmp_path, section))
    with pytest.raises(ConfigError, match=message):
        load_section(robot)
