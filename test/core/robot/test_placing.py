"""Poses equal those of `Kinematics`, for every link, turning, shifting, mimicking and left out joints included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.placing import Placing
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.urdf import read_urdf

GRIPPER = """<robot name="r"><link name="a"/><link name="b"/><link name="c"/><link name="d"/>
<joint name="slide" type="prismatic"><parent link="a"/><child link="b"/><origin xyz="0.1 0 0" rpy="0.3 0.2 0.1"/><axis xyz="0 1 1"/>
<limit lower="-0.1" upper="0.3" velocity="1"/></joint>
<joint name="turn" type="revolute"><parent link="b"/><child link="c"/><origin xyz="0 0.2 0"/><axis xyz="1 0 0"/>
<limit lower="-1" upper="1" velocity="1"/></joint>
<joint name="follow" type="revolute"><parent link="c"/><child link="d"/><origin xyz="0 0 0.3"/><axis xyz="0 1 0"/>
<mimic joint="turn" multiplier="-2" offset="0.1"/></joint></robot>"""


def assert_same(file: Path, names: tuple[str, ...], positions: np.ndarray) -> None:
    urdf = read_urdf(file)
    placing, links = Placing(urdf, names), list(urdf.links)
    places, rotations = Kinematics(file).poses(links, {n: positions[:, k] for k, n in enumerate(names)})
    poses = placing.poses(positions)
    for link, place, rotation in zip(links, places, rotations, strict=True):
        found = poses[placing.anchors[link]] @ placing.offsets[link]
        assert found[:, :3, 3] == pytest.approx(np.broadcast_to(place, (len(positions), 3)), abs=1e-12)
        assert found[:, :3, :3] == pytest.approx(np.broadcast_to(rotation, (len(positions), 3, 3)), abs=1e-12)


@pytest.mark.parametrize("part", ["arms", "torso", "legs"])
def test_every_link_of_the_g1_is_where_kinematics_says(part: str) -> None:
    robot = load_robot("g1.yaml")
    names = robot.parts[part]
    positions = np.random.default_rng(0).uniform(robot.limits(names, "lower"), robot.limits(names, "upper"), (7, len(names)))

    assert_same(robot.urdf_path, names, positions)


@pytest.mark.parametrize("names", [("slide", "turn"), ("turn",), ("slide",)])
def test_joints_that_shift_mimic_or_are_left_out_are_placed_too(tmp_path: Path, names: tuple[str, ...]) -> None:
    file = tmp_path / "gripper.urdf"
    file.write_text(GRIPPER)

    assert_same(file, names, np.random.default_rng(1).uniform(-0.1, 0.3, (5, len(names))))


def test_no_point_moves_farther_than_the_levers_say(tmp_path: Path) -> None:
    file = tmp_path / "gripper.urdf"
    file.write_text(GRIPPER)
    placing = Placing(read_urdf(file), ("slide", "turn"))
    rng = np.random.default_rng(2)
    point = np.array([0.0, 0.0, 0.5, 1.0])
    frame = placing.anchors["d"]
    levers = placing.levers(frame, 0.5, 2).sum(axis=0)
    first, second = (rng.uniform([-0.1, -1.0], [0.3, 1.0], (1000, 2)) for _ in range(2))
    moved = np.linalg.norm((placing.poses(first)[frame] - placing.poses(second)[frame]) @ point, axis=-1)

    assert (moved <= np.abs(first - second) @ levers + 1e-12).all()
    assert levers[0] == 1.0
