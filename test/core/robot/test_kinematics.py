"""Forward kinematics: against MuJoCo's for the shipped robot, and by hand where MuJoCo would not help."""

from __future__ import annotations

from pathlib import Path

import neon_control.sim  # noqa: F401  # isort: skip  # chooses how MuJoCo renders, which it reads when it is first imported
import mujoco
import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.kinematics import Kinematics, quaternions
from neon_control.core.robot.robot_file import load_robot

ROBOT = load_robot("g1.yaml")
G1 = Kinematics(ROBOT.urdf_path)


def test_every_link_of_the_robot_is_where_mujoco_has_it() -> None:
    model = mujoco.MjModel.from_xml_path(str(ROBOT.urdf_path))
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    poses = {name: rng.uniform(joint.lower, joint.upper, 6) for name, joint in ROBOT.joints.items()}
    links = [model.body(i).name for i in range(1, model.nbody) if model.body(i).name != G1.root]
    places, rotations = G1.poses(links, poses)
    assert len(links) > 29
    for row in range(6):
        for name, positions in poses.items():
            data.qpos[model.joint(name).qposadr[0]] = positions[row]
        mujoco.mj_kinematics(model, data)
        root = model.body(G1.root).id
        turn, origin = data.xmat[root].reshape(3, 3), data.xpos[root]
        for i, link in enumerate(links):
            body = model.body(link).id
            assert np.allclose(places[i, row], turn.T @ (data.xpos[body] - origin), atol=1e-6), link
            assert np.allclose(rotations[i, row], turn.T @ data.xmat[body].reshape(3, 3), atol=1e-6), link
            quat = np.zeros(4)
            mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotations[i, row]).ravel())
            assert abs(quaternions(rotations[i, row : row + 1])[0] @ quat[[1, 2, 3, 0]]) == pytest.approx(1.0, abs=1e-9)


def test_the_hands_are_the_links_that_reaching_tasks_place() -> None:
    assert G1.root == "pelvis"
    assert G1.hands(ROBOT) == ("left_hand_tcp", "right_hand_tcp")


def test_joints_that_are_not_named_are_at_zero_and_single_numbers_hold_for_all_poses() -> None:
    elbow = np.array([0.1, 0.5])
    given, _ = G1.poses(["left_hand_tcp"], {"left_elbow_joint": elbow, "waist_yaw_joint": 0.3})
    all_named, _ = G1.poses(["left_hand_tcp"], dict.fromkeys(ROBOT.joints, 0.0) | {"left_elbow_joint": elbow, "waist_yaw_joint": 0.3})
    assert given.shape == (1, 2, 3)
    assert np.array_equal(given, all_named)


def urdf(folder: Path, joints: str, links: str = "abc") -> Path:
    file = folder / "robot.urdf"
    file.write_text(f'<robot name="r">{"".join(f"<link name={chr(34)}{n}{chr(34)}/>" for n in links)}{joints}</robot>')
    return file


def joint(name: str, kind: str, parent: str, child: str, more: str = "") -> str:
    return f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>{more}</joint>'


def test_a_slide_shifts_along_its_turned_axis_and_a_mimic_follows_its_joint(tmp_path: Path) -> None:
    slide = joint("slide", "prismatic", "a", "b", '<origin rpy="0 0 1.5707963267948966"/><axis xyz="2 0 0"/>')
    finger = joint("finger", "prismatic", "b", "c", '<axis xyz="0 0 1"/><mimic joint="slide" multiplier="-2" offset="1"/>')
    places, _ = Kinematics(urdf(tmp_path, slide + finger)).poses(["b", "c"], {"slide": np.array([0.0, 0.5])})
    assert np.allclose(places, [[[0, 0, 0], [0, 0.5, 0]], [[0, 0, 1], [0, 0.5, 0]]])


def test_a_urdf_that_is_no_tree_of_links_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exactly one link without a parent, has \['a', 'c'\]"):
        Kinematics(urdf(tmp_path, joint("j", "fixed", "a", "b")))


def test_links_without_a_place_are_refused(tmp_path: Path) -> None:
    tree = Kinematics(urdf(tmp_path, joint("j", "floating", "a", "b") + joint("k", "fixed", "a", "c")))
    with pytest.raises(ConfigError, match="no link named hand; it has"):
        tree.poses(["hand"], {})
    with pytest.raises(ConfigError, match="joint j is floating, so b has no place"):
        tree.poses(["b"], {})


def test_a_chain_may_be_longer_than_pythons_stack_and_a_circle_is_no_tree(tmp_path: Path) -> None:
    def write(joints: list[tuple[int, int]], links: int) -> Path:
        elements = [f'<link name="l{i}"/>' for i in range(links)]
        for i, (parent, child) in enumerate(joints):
            ends = f'<parent link="l{parent}"/><child link="l{child}"/><origin xyz="0 0 0.5"/>'
            elements.append(f'<joint name="j{i}" type="fixed">{ends}</joint>')
        (tmp_path / "r.urdf").write_text(f'<robot name="r">{"".join(elements)}</robot>')
        return tmp_path / "r.urdf"

    long = Kinematics(write([(i, i + 1) for i in range(1499)], 1500))
    assert long.poses(["l1499"], {})[0][0, 0, 2] == pytest.approx(749.5)
    with pytest.raises(ConfigError, match=r"links \['l1', 'l2'\] hang on each other"):
        Kinematics(write([(1, 2), (2, 1)], 3))


def test_a_joint_that_turns_without_end_is_a_whole_turn_from_itself_and_nowhere_else(tmp_path: Path) -> None:
    tree = Kinematics(urdf(tmp_path, joint("wrist", "continuous", "a", "b") + joint("elbow", "revolute", "b", "c")))
    here, there = (tree.joint_positions({"wrist": turns, "elbow": turns}) for turns in (0.1, 0.1 + 4.0 * np.pi))
    assert tree.apart(there, here) == pytest.approx([0.0, 4.0 * np.pi])
    for link in ("b",):
        (first, second) = (tree.poses([link], {"wrist": turns})[1] for turns in (0.1, 0.1 + 4.0 * np.pi))
        assert np.allclose(first, second)


def test_a_fixed_joint_may_have_an_axis_of_zeros(tmp_path: Path) -> None:
    """As several exporters write it, and robots that many people have."""
    tree = Kinematics(urdf(tmp_path, joint("j", "continuous", "a", "b") + joint("tool", "fixed", "b", "c", '<axis xyz="0 0 0"/>')))
    assert tree.parents == {"b": "a", "c": "b"} and np.isfinite(tree.poses(["c"], {"j": 1.0})[1]).all()
    assert np.isfinite(tree.in_parent(1, 0.0)[1]).all()
