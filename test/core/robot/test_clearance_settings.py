"""The section `clearance`: read from a robot file, refused with the field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot


def robot(folder: Path, section: object) -> Robot:
    data = yaml.safe_load(find_file("arm6.yaml", "config").read_text())
    data["urdf"] = str(find_file("resource/arm6/arm6.urdf"))
    file = folder / "robot.yaml"
    file.write_text(yaml.safe_dump(data | {"clearance": section}))
    return load_robot(file)


def test_without_a_section_nothing_is_guarded(tmp_path: Path) -> None:
    assert robot(tmp_path, None).clearance is None


def test_a_whole_section_is_read(tmp_path: Path) -> None:
    box = {"lower": {"x": 0.1, "y": -1, "z": 0}, "upper": {"x": 1, "y": 1, "z": 0.5}}
    section = {"slow_distance": 0.1, "stop_distance": 0.05, "floor": 0.0, "keep_out": {"shelf": box}, "allowed": [["hand_link", "floor"]]}
    found = robot(tmp_path, section).clearance

    assert found is not None
    assert found.keep_out["shelf"].lower.tolist() == [0.1, -1.0, 0.0]
    assert found.allowed == (("hand_link", "floor"),)
    assert found.floor == 0.0


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"slow_distance": 0.02, "stop_distance": 0.02}, "clearance.stop_distance must be below slow_distance 0.02 m, got 0.02"),
        ({"slow_distance": -1}, "clearance.slow_distance must be"),
        ({"slow": 1}, "unknown"),
        ({"keep_out": {"floor": {"lower": {"x": 0, "y": 0, "z": 0}, "upper": {"x": 1, "y": 1, "z": 1}}}}, "must have another name"),
        ({"keep_out": {"t": {"lower": {"x": 0, "y": 0, "z": 0}, "upper": {"x": 0, "y": 1, "z": 1}}}}, "lower must be below upper"),
        ({"allowed": [["a"]]}, "clearance.allowed"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_field(tmp_path: Path, section: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        robot(tmp_path, section)
