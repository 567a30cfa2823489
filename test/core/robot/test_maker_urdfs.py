"""The robot files in config/robots beside what their makers' URDFs say: joints, ranges, velocities, arguments."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from maker_urdfs import ROBOTS, TABLE, shipped, write_packages

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.turns import UNBOUNDED

pytest.importorskip("xacro")


@pytest.fixture(params=ROBOTS)
def name(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A robot, whose packages are found."""
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path))
    write_packages(tmp_path, request.param)
    return str(request.param)


def loaded(name: str) -> tuple[Robot, dict[str, Any]]:
    """As users name it, and the file's text as data."""
    return load_robot(f"robots/{name}.yaml"), yaml.safe_load(shipped(name).read_text())


def test_the_table_has_the_robots_that_come_with_the_package() -> None:
    assert sorted(ROBOTS) == sorted(file.stem for file in shipped("any").parent.glob("*.yaml"))
    page = (Path(__file__).parents[3] / "docs" / "robots.md").read_text()
    rows = re.findall(r"^\| (?:\[(\w+)\]\(\.\./config/robots/\1\.yaml\)|(\w+)) \| (?!robot|loads)", page, flags=re.MULTILINE)
    assert sorted(linked for linked, _ in rows if linked) == sorted(ROBOTS), "each has a row that says what it is"
    assert set(ROBOTS) <= {plain for _, plain in rows}, "and one that says what was tried"


def test_every_joint_is_in_a_group_a_part_and_a_controller_or_it_is_said_why_not(name: str) -> None:
    robot, _ = loaded(name)
    moved = {joint for joint, of in TABLE[name]["joints"].items() if isinstance(of, list)}
    assert set(robot.joints) | set(TABLE[name].get("held", ())) == moved
    assert sorted(robot.joints) == sorted(joint for names in robot.parts.values() for joint in names)
    assert sorted(robot.joints) == sorted(joint for controller in robot.controllers for joint in controller.joints)
    assert set(Kinematics(robot.urdf_path).hands(robot)), "the monitor draws paths of them"


def test_no_limit_is_wider_than_the_maker_s_unless_the_file_states_it_instead_of_a_missing_one(name: str) -> None:
    robot, data = loaded(name)
    for joint in robot.joints.values():
        kind, *limit = TABLE[name]["joints"][joint.name]
        assert joint.unit == ("m" if kind == "prismatic" else "rad")
        lower, upper = limit[:2] if len(limit) == 3 else (-UNBOUNDED, UNBOUNDED)
        stated = data["limits"].get("joints", {}).get(joint.name, {}).get("instead_of_urdf", {})
        if lower < upper:
            assert lower <= joint.lower < joint.upper <= upper
        else:
            assert {"lower", "upper"} <= set(stated)
        if limit and limit[-1] > 0.0:
            assert joint.max_velocity <= limit[-1]
        else:
            assert "velocity" in stated
        assert math.isfinite(joint.max_acceleration)
        assert joint.max_velocity <= (0.5 if joint.unit == "m" else 3.2), "no motor's speed without load"


def test_grippers_are_told_as_such_and_are_driven_by_controllers_of_their_own(name: str) -> None:
    robot, _ = loaded(name)
    assert {joint for group in robot.grippers.values() for joint in group.joints} == set(robot.parts["hands"])
    for controller in robot.controllers:
        assert len({joint in robot.gripping for joint in controller.joints}) == 1
    assert bool(robot.grippers) == (name != "h1")


def test_the_xacro_arguments_are_some_that_the_maker_s_file_takes(name: str) -> None:
    _, data = loaded(name)
    assert set(data.get("urdf_arguments", {})) <= set(TABLE[name].get("arguments", ()))


@pytest.mark.parametrize("name", ROBOTS)
def test_without_the_maker_s_package_the_error_names_it_and_says_where_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AMENT_PREFIX_PATH", "ROS_PACKAGE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=r"no package '\w+_descriptions?' in .*says where it is published: https://github\.com/"):
        load_robot(f"robots/{name}.yaml")
