"""The drawn path is where the robot's hands would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yourdfpy
from viser.transforms import SO3

from neon_control.core.errors import ConfigError
from neon_control.core.robot import load_robot
from neon_control.sim.world import World, rotate
from neon_control.tools.monitor.kinematics import Kinematics, integrate_base
from neon_control.tools.monitor.shapes import load_urdf

SLIDER = """<robot name="slider">
  <link name="rail"/><link name="cart"/><link name="arm"/><link name="finger"/><link name="tool_tip"/><link name="camera"/>
  <joint name="slide" type="prismatic"><parent link="rail"/><child link="cart"/><origin xyz="1 0 0" rpy="0 0 1.5707963267948966"/>
    <axis xyz="1 0 0"/><limit lower="0" upper="2" velocity="1" effort="1"/></joint>
  <joint name="turn" type="revolute"><parent link="cart"/><child link="arm"/><axis xyz="0 0 2"/>
    <limit lower="-2" upper="2" velocity="1" effort="1"/></joint>
  <joint name="grip" type="revolute"><parent link="arm"/><child link="finger"/><origin xyz="0.5 0 0"/><axis xyz="0 0 1"/>
    <mimic joint="turn" multiplier="-2" offset="0.1"/><limit lower="-4" upper="4" velocity="1" effort="1"/></joint>
  <joint name="tip" type="fixed"><parent link="finger"/><child link="tool_tip"/><origin xyz="0.2 0 0"/></joint>
  <joint name="eye" type="fixed"><parent link="finger"/><child link="camera"/><origin xyz="0 0 0.1"/></joint>
</robot>"""


@pytest.fixture(scope="module")
def g1():
    robot = load_robot("g1.yaml")
    return robot, Kinematics(load_urdf(robot.urdf_path))


@pytest.fixture
def slider(tmp_path: Path) -> Kinematics:
    file = tmp_path / "slider.urdf"
    file.write_text(SLIDER)
    return Kinematics(load_urdf(file))


def test_the_path_agrees_with_the_simulated_world(g1) -> None:
    robot, kinematics = g1
    world = World(robot)
    rng = np.random.default_rng(0)
    names = world.joint_names
    arms = (*robot.parts["arms"], *robot.parts["torso"])
    poses = np.array([[rng.uniform(0.3 * robot.joints[n].lower, 0.3 * robot.joints[n].upper) for n in arms] for _ in range(4)])
    bases = rng.uniform(-0.5, 0.0, (4, 3))
    paths = {group.split("_")[0]: kinematics.path(kinematics.tip(robot.groups[group]), dict(zip(arms, poses.T, strict=True)))
             for group in ("left_arm", "right_arm")}  # fmt: skip
    for row in range(4):
        world.place_joints(names, np.zeros(len(names)))
        world.place_joints(arms, poses[row])
        world.place_base(bases[row])
        for side, position in world.hand_positions.items():
            expected = rotate(position - [*bases[row][:2], 0.793], -bases[row][2])
            assert np.allclose(paths[side][row], expected, atol=1e-9)


def test_the_frames_sent_to_the_browser_agree_with_an_independent_urdf_library(g1) -> None:
    robot, kinematics = g1
    urdf = yourdfpy.URDF.load(str(robot.urdf_path), load_meshes=False, build_scene_graph=True)
    rng = np.random.default_rng(1)
    positions = {name: rng.uniform(-1.0, 1.0) for name in robot.joints}
    urdf.update_cfg(positions)
    for joint, quaternion in zip(kinematics.joints, kinematics.quaternions(positions), strict=True):
        expected = urdf.get_transform(joint.child, joint.parent)
        assert np.allclose(SO3(quaternion).as_matrix(), expected[:3, :3], atol=1e-9), joint.name
        assert np.allclose(kinematics.place(joint, positions), expected[:3, 3], atol=1e-9), joint.name


def test_a_joint_that_slides_and_one_that_mimics_move_as_the_urdf_says(slider: Kinematics) -> None:
    path = slider.path("tool_tip", {"slide": np.array([0.0, 0.5]), "turn": np.array([0.3, 0.3])})
    angle = 0.3 + np.pi / 2
    elbow = np.array([1.0 + 0.5 * np.cos(angle), 0.5 * np.sin(angle), 0.0])
    finger = angle - 0.6 + 0.1
    assert np.allclose(path[0], elbow + 0.2 * np.array([np.cos(finger), np.sin(finger), 0.0]))
    assert np.allclose(path[1] - path[0], [0.0, 0.5, 0.0])  # the rail is turned by a right angle
    assert np.allclose(slider.place(slider.joints[0], {"slide": 0.5}), [1.0, 0.5, 0.0])


def test_the_end_of_an_arm_is_the_leaf_that_is_named_so_or_else_the_farthest(slider: Kinematics, g1) -> None:
    robot, kinematics = g1
    assert slider.tip(["slide", "turn"]) == "tool_tip"
    assert kinematics.tip(robot.groups["left_arm"]) == "left_hand_tcp"
    assert kinematics.tip(robot.groups["left_leg"]) in {j.child for j in kinematics.joints if j.name == "left_ankle_roll_joint"}


def test_a_urdf_without_links_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "loose.urdf"
    file.write_text('<robot name="loose"><joint name="a" type="revolute"/></robot>')
    with pytest.raises(ConfigError, match=r"loose\.urdf: cannot be drawn"):
        load_urdf(file)


def test_a_straight_drive_and_a_full_turn_end_where_they_must() -> None:
    straight = integrate_base(np.array([0.0, 0.0, np.pi / 2]), np.tile([1.0, 0.0, 0.0], (11, 1)), 0.1)
    assert np.allclose(straight[-1], [0.0, 1.0, np.pi / 2])
    circle = integrate_base(np.zeros(3), np.tile([1.0, 0.0, 2 * np.pi], (10001, 1)), 1e-4)
    assert np.allclose(circle[-1], [0.0, 0.0, 2 * np.pi], atol=1e-3)
