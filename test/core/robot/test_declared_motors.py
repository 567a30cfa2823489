"""Which joints have motors, as far as a URDF says it beside its joints."""

from __future__ import annotations

from pathlib import Path

from small_urdf import small_urdf

from neon_control.core.robot.urdf import read_urdf

CONTROL = """<ros2_control name="s" type="system">
<joint name="elbow"><command_interface name="position"/><state_interface name="position"/></joint>
<joint name="wheel"><command_interface name="velocity"/></joint>
<joint name="tip"><state_interface name="position"/></joint></ros2_control>"""
OLD = """<transmission name="a"><joint name="elbow"><hardwareInterface>hardware_interface/PositionJointInterface</hardwareInterface>
<hardwareInterface>JointStateInterface</hardwareInterface></joint></transmission>
<transmission name="b"><joint name="wheel"><hardwareInterface>VelocityJointInterface</hardwareInterface></joint></transmission>
<transmission name="c"><joint name="tip"><hardwareInterface>JointStateInterface</hardwareInterface></joint></transmission>
<transmission name="d"><joint name="lift"/></transmission>"""


def test_a_urdf_of_ros_2_names_the_interfaces_of_its_motors(tmp_path: Path) -> None:
    declared = read_urdf(small_urdf(tmp_path, "elbow", more=CONTROL))
    assert declared.name == "small"
    assert declared.motors == {"elbow": {"position"}, "wheel": {"velocity"}}
    assert declared.turns_only("wheel") and not declared.turns_only("elbow") and not declared.turns_only("tip")


def test_so_does_one_of_ros_1_and_what_is_only_measured_has_none(tmp_path: Path) -> None:
    declared = read_urdf(small_urdf(tmp_path, "elbow", more=OLD))
    assert declared.motors == {"elbow": {"position"}, "wheel": {"velocity"}, "lift": frozenset()}


def test_a_urdf_that_says_nothing_of_motors_says_nothing(tmp_path: Path) -> None:
    assert read_urdf(small_urdf(tmp_path, "elbow")).motors == {}
