"""A drafted robot file's text: marks where the terminal says that they are, and nothing from outside that could be read as YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from small_urdf import arm, small_urdf

from neon_control.core.robot.robot_draft import draft_robot
from neon_control.core.robot.robot_draft_text import MARK, WIDTH, flow, write_draft
from neon_control.core.robot.robot_file import load_robot


def test_every_mark_is_told_with_its_line(tmp_path: Path) -> None:
    wheels = ["wheel_left > continuous", "wheel_right > continuous"]
    joints = [*wheels, *arm(), "lift_thing > prismatic 0..0 at 0", "jaw > wrist_3", *(f"unknown_{i} >" for i in range(3))]
    text, decisions = write_draft(draft_robot(small_urdf(tmp_path, *joints), "r.urdf"))
    lines = text.splitlines()
    assert [decision.line for decision in decisions] == [i for i, line in enumerate(lines, 1) if MARK in line]
    for decision in decisions:
        assert decision.text[:40] in lines[decision.line - 1]
    assert max(map(len, lines)) <= WIDTH and all(decision.field for decision in decisions)


@pytest.mark.parametrize(
    "value",
    ["yes", "1", "a: b", "a # b", "l\nm", "", "ü", [], ["no", "x/y"], {"a": None, "b": {"c": 1e-07}}, -0.959931088597, "null", "{x}"],
)
def test_a_value_is_one_line_of_yaml_and_is_read_as_it_was(value: object) -> None:
    text = flow(value)
    assert "\n" not in text and yaml.safe_load(f"key: {text}") == {"key": value}


def test_names_from_a_urdf_cannot_write_fields(tmp_path: Path) -> None:
    file = small_urdf(tmp_path, *arm(), "thing >", "tail > wrist_3 mimic elbow")
    evil = "x&#10;recording: {audio: evil}&#10;# "
    file.write_text(
        file.read_text()
        .replace('"thing"', f'"thing {evil}"')
        .replace('"tail"', '"a: [b] # c"')
        .replace('"elbow"', '"yes"')
        .replace('"wrist_1"', f'"{evil}"')
    )
    text, _ = write_draft(draft_robot(file, file.name))
    (tmp_path / "r.yaml").write_text(text)
    assert set(yaml.safe_load(text)) == {"name", "urdf", "groups", "parts", "limits", "controllers"}
    assert {"yes", "x\nrecording: {audio: evil}\n# "} <= set(load_robot(tmp_path / "r.yaml").joints)
