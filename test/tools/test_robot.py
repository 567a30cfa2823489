"""`neon_control robot init` on the command line: what it writes, tells and refuses. Nothing here needs ROS."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_urdf import arm, small_urdf

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot_file import load_robot
from neon_control.tools.cli import main

XACRO = """<robot name="r" xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:arg name="side" default="left"/>
<link name="a"/><link name="b"/><joint name="$(arg side)_elbow" type="revolute"><parent link="a"/><child link="b"/>
<limit lower="-1" upper="1" velocity="2" effort="1"/></joint></robot>"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and no ROS."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.startswith(("rclpy", "neon_control.nodes"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rclpy", None)  # as `import` finds it where it is not
    return tmp_path


def test_a_draft_is_written_under_the_robot_s_name_and_its_marks_are_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_urdf(here, *arm(), "jaw > wrist_3")
    assert main(["robot", "init", "small.urdf"]) == 0
    told = capsys.readouterr().out
    text = (here / "small.yaml").read_text()
    assert load_robot(here / "small.yaml").urdf_path == here / "small.urdf" and "\nurdf: small.urdf\n" in text
    for part in (
        "arm (6): shoulder_pan",
        "gripper (1): jaw",
        "small.yaml is written",
        "loads as it is, with 7 joints",
        "robot check small.yaml",
    ):
        assert part in told, told
    assert told.count("\n  line ") == text.count("# DECIDE:") > 3


def test_what_is_needed_before_it_loads_comes_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_urdf(here, *arm(), "jaw > wrist_3 0..0 at 0")
    assert main(["robot", "init", "small.urdf", "--output", "r.yaml"]) == 0
    first, *others = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  line ")]
    assert "limits.joints.jaw: NEEDED: the URDF's range is 0 to 0" in first and not any("NEEDED" in line for line in others)


def test_a_file_that_is_there_is_not_overwritten_unless_that_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_urdf(here, *arm())
    (here / "small.yaml").write_text("mine")
    for arguments in (["init", "small.urdf"], ["init", "small.urdf", "--output", "small.yaml"]):
        assert main(["robot", *arguments]) == 2
        assert "small.yaml is there already; --force overwrites it" in capsys.readouterr().err
    assert (here / "small.yaml").read_text() == "mine"
    assert main(["robot", "init", "small.urdf", "--force"]) == 0
    assert load_robot(here / "small.yaml").name == "small"


def test_a_xacro_file_is_expanded_with_its_arguments_which_the_draft_keeps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xacro")
    (here / "arm.urdf.xacro").write_text(XACRO)
    assert main(["robot", "init", "arm.urdf.xacro", "side:=right", "--output", "r.yaml"]) == 0
    assert list(load_robot(here / "r.yaml").joints) == ["right_elbow"]
    small_urdf(here, *arm())
    assert main(["robot", "init", "small.urdf", "side:=right"]) == 2
    assert "small.urdf: it takes no arguments, as it is no xacro file; got side:=right" in capsys.readouterr().err


def test_a_urdf_of_a_package_is_named_as_such(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "share/small_description").mkdir(parents=True)
    small_urdf(here / "share/small_description", *arm())
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(here))
    assert main(["robot", "init", "package://small_description/small.urdf"]) == 0
    assert "\nurdf: package://small_description/small.urdf\n" in (here / "small.yaml").read_text()
    assert len(load_robot(here / "small.yaml").joints) == 6


def test_without_ros_listening_is_refused_with_what_brings_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_urdf(here, *arm())
    assert main(["robot", "init", "small.urdf", "--joint-states-from-graph"]) == 2
    told = capsys.readouterr().err
    assert "this needs the Python package 'rclpy" in told and told.endswith("where ROS 2 is installed, source it\n")
    assert not (here / "small.yaml").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [("<robot", "not valid XML"), ("<robot name='r'><link name='a'/></robot>", "no joint that could be commanded"), ("", "not valid XML")],
)
def test_what_is_no_robot_is_refused(here: Path, capsys: pytest.CaptureFixture[str], content: str, words: str) -> None:
    (here / "r.urdf").write_text(content)
    assert main(["robot", "init", "r.urdf"]) == 2
    assert words in capsys.readouterr().err and not list(here.glob("*.yaml"))


def test_wrong_use_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robot", "init", "nowhere.urdf"]) == 2
    assert "no such file: nowhere.urdf" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"nowhere\.urdf"):
        main(["robot", "init", "nowhere.urdf", "--debug"])
    with pytest.raises(SystemExit):
        main(["robot", "init", "small.urdf", "side=right"])
    assert "needs NAME:=VALUE, got 'side=right'" in capsys.readouterr().err
