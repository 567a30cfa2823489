"""Which end of a gripper's range is open, as the places of its links show it."""

from __future__ import annotations

from pathlib import Path

from small_urdf import arm, small_urdf

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.openings import openings
from neon_control.core.robot.urdf import read_urdf


def test_a_gripper_is_open_where_its_links_are_further_apart(tmp_path: Path) -> None:
    fingers = ["left_finger > wrist_3 prismatic 0..0.04 y 0.01", "right_finger > wrist_3 prismatic 0..0.04 mimic left_finger y -0.01"]
    file = small_urdf(tmp_path, *arm(), *fingers)
    text = file.read_text()
    head, tail = text.rsplit('<axis xyz="0 1 0"/>', 1)
    file.write_text(f'{head}<axis xyz="0 -1 0"/>{tail}')  # the second finger goes the other way
    opened, closed, how = openings(read_urdf(file), Kinematics(file), ["left_finger"]) or (0.0, 0.0, "")
    assert (opened, closed) == (0.04, 0.0) and how == "its links are 100 mm apart, and not 20"
    fingers[0] = "left_finger > wrist_3 prismatic 0..0.01 y 0.01"
    text = small_urdf(tmp_path, *arm(), *fingers).read_text()
    file.write_text(text.replace('<axis xyz="0 1 0"/><limit lower="0', '<axis xyz="0 -1 0"/><limit lower="0', 1))
    opened, closed, _ = openings(read_urdf(file), Kinematics(file), ["left_finger"]) or (0.0, 0.0, "")
    assert (opened, closed) == (0.0, 0.01), "the places count, not the sign"


def test_one_jaw_against_a_fixed_one_does_not_show_where_it_is_open(tmp_path: Path) -> None:
    file = small_urdf(tmp_path, *arm(), "jaw")
    assert openings(read_urdf(file), Kinematics(file), ["jaw"]) is None
    file = small_urdf(tmp_path, *arm(), "jaw 0..0", "tip fixed")
    assert openings(read_urdf(file), Kinematics(file), ["jaw"]) is None
