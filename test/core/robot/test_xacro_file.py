"""xacro files are expanded where xacro is installed, and named as what they are where it is not."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.urdf import read_urdf
from neon_control.core.robot.xacro_file import is_xacro, source_of

LIMIT = '<limit lower="-1" upper="1" velocity="${speed}" effort="1"/>'
XACRO = """<robot name="r" xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:arg name="side" default="left"/>
<xacro:property name="speed" value="2"/><xacro:include filename="$(find parts)/part.xacro"/>
<link name="a"/><xacro:part name="$(arg side)_elbow"/></robot>"""
PART = f"""<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:macro name="part" params="name"><link name="b"/>
<joint name="${{name}}" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>{LIMIT}</joint></xacro:macro></robot>"""


@pytest.fixture
def robot_file(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/part.xacro").write_text(PART)
    (tmp_path / "arm.urdf.xacro").write_text(XACRO)
    file = tmp_path / "r.yaml"
    data = {
        "name": "r",
        "urdf": "arm.urdf.xacro",
        "urdf_arguments": {"side": "right"},
        "groups": {"arm": ["right_elbow"]},
        "parts": {"arms": ["arm"]},
        "limits": {"groups": {"arm": {"velocity_scale": 0.5, "max_acceleration": 3.0}}},
    }
    file.write_text(yaml.safe_dump(data))
    return file


def test_a_robot_file_may_name_a_xacro_file_and_give_its_arguments(robot_file: Path) -> None:
    pytest.importorskip("xacro")
    robot = load_robot(robot_file)
    assert robot.joints["right_elbow"].max_velocity == 1.0
    assert Kinematics(robot.urdf_path).parents == {"b": "a"}
    assert source_of(robot.urdf_path) == robot_file.parent / "arm.urdf.xacro"
    with pytest.raises(ConfigError, match=r"arm\.urdf\.xacro: no joint named knee"):
        read_urdf(robot.urdf_path).commanded("knee")


def test_without_xacro_the_error_names_it_and_gives_the_command(robot_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xacro", None)  # as `import` finds it where it is not
    with pytest.raises(ConfigError, match="a xacro file, and the package xacro is not installed: pip install xacro") as error:
        load_robot(robot_file)
    folder = robot_file.parent
    assert str(error.value).endswith(f"xacro {folder}/arm.urdf.xacro side:=right -o {folder}/arm.urdf")


def test_what_cannot_be_expanded_is_refused_with_the_reason_and_the_command(robot_file: Path) -> None:
    pytest.importorskip("xacro")
    file = robot_file.parent / "arm.urdf.xacro"
    file.write_text(XACRO.replace("$(arg side)", "$(arg foot)"))
    with pytest.raises(ConfigError, match=r"arm\.urdf\.xacro: a xacro file that cannot be expanded with .*'side': 'right'.*foot.*xacro /"):
        load_robot(robot_file)
    file.write_text(XACRO.replace("parts", "elsewhere"))
    with pytest.raises(ConfigError, match=r"^\S+/arm\.urdf\.xacro: no package 'elsewhere' in [^;]*; source the workspace[^;]*$"):
        load_robot(robot_file)


def test_a_robot_file_may_say_where_the_packages_that_are_missing_are_published(robot_file: Path) -> None:
    pytest.importorskip("xacro")
    data = yaml.safe_load(robot_file.read_text()) | {"urdf_from": "https://example.org/parts (ros-DISTRO-parts)"}
    (robot_file.parent / "parts").rename(robot_file.parent / "away")
    for urdf in ("arm.urdf.xacro", "package://parts/arm.urdf"):
        robot_file.write_text(yaml.safe_dump(data | {"urdf": urdf}))
        with pytest.raises(
            ConfigError, match=r"no package 'parts'.*; r\.yaml says where .* https://example\.org/parts \(ros-DISTRO-parts\)$"
        ):
            load_robot(robot_file)


def test_a_reader_of_urdfs_says_that_it_was_given_a_xacro_file(robot_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"it is a xacro file, not yet a URDF; .*: xacro .*arm\.urdf\.xacro -o .*arm\.urdf"):
        read_urdf(robot_file.parent / "arm.urdf.xacro")


def test_a_urdf_that_xacro_has_made_may_keep_the_name_space_and_takes_no_arguments(robot_file: Path) -> None:
    made = '<robot name="r" xmlns:xacro="http://www.ros.org/wiki/xacro"><link name="a"/></robot>'
    assert not is_xacro(ElementTree.fromstring(made))
    (robot_file.parent / "arm.urdf.xacro").write_text(made)
    with pytest.raises(ConfigError, match="urdf_arguments are of a xacro file"):
        load_robot(robot_file)
