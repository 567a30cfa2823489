from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.gripper import Gripper
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot

G1 = load_robot("g1.yaml")


@pytest.mark.parametrize(("mode", "dim"), [("arms_only", 17), ("upper_body", 20), ("whole_body", 32)])
def test_dimensions_are_the_specification_s(mode: str, dim: int) -> None:
    space = ActionSpace.from_robot(G1, mode)
    assert space.dim == dim == len(space.names) == len(space.lower)
    assert space.num_joints == dim - 3
    assert space.names[-3:] == ("base/vx", "base/vy", "base/yaw_rate")


def test_order_is_arms_torso_legs_base_without_gaps() -> None:
    space = ActionSpace.from_robot(G1, "whole_body")
    assert list(space.groups) == ["arms", "torso", "legs", "base"]
    stops = [0, *(s.stop for s in space.groups.values())]
    assert [s.start for s in space.groups.values()] == stops[:-1] and stops[-1] == space.dim
    assert space.joint_names[:2] == ("left_shoulder_pitch_joint", "left_shoulder_roll_joint")
    assert space.joint_names[14] == "waist_yaw_joint" and space.joint_names[17] == "left_hip_pitch_joint"


def test_wider_modes_keep_the_arms_in_place() -> None:
    arms = ActionSpace.from_robot(G1, "arms_only").joint_names
    for mode in MODES:
        assert ActionSpace.from_robot(G1, mode).joint_names[: len(arms)] == arms


def test_limits_map_to_plus_and_minus_one() -> None:
    space = ActionSpace.from_robot(G1, "upper_body")
    assert np.allclose(space.normalise(space.lower), -1.0) and np.allclose(space.normalise(space.upper), 1.0)
    assert G1.base is not None
    assert np.allclose(space.denormalise(np.ones(20))[-3:], G1.base.max_velocity)
    assert np.allclose(space.denormalise(np.zeros(20))[-3:], 0.0)


@given(arrays(np.float64, (2, 16, 32), elements=st.floats(-3, 3)))
def test_denormalise_undoes_normalise(actions: np.ndarray) -> None:
    space = ActionSpace.from_robot(G1, "whole_body")
    assert np.allclose(space.denormalise(space.normalise(actions)), actions, atol=1e-12)
    joints = actions[..., : space.num_joints]
    assert np.allclose(space.normalise_joints(joints), space.normalise(actions)[..., : space.num_joints])


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="no_arms"):
        ActionSpace.from_robot(G1, "no_arms")


def test_a_joint_that_turns_without_end_is_seen_in_its_turn_whatever_turn_it_is_in() -> None:
    wrist = "left_wrist_roll_joint"
    robot = replace(G1, joints={**G1.joints, wrist: replace(G1.joints[wrist], turn=-np.pi)})
    space = ActionSpace.from_robot(robot, "arms_only")
    column = space.joint_names.index(wrist)
    assert space.turning == (column,) and (space.lower[column], space.upper[column]) == (-np.pi, np.pi)
    actions = np.tile(0.5 * (space.lower + space.upper), (3, 1))
    actions[:, column] = 1.0 + 2.0 * np.pi * np.array([0, 2, -3])
    for normalised in (space.normalise(actions), space.normalise_joints(actions[:, : space.num_joints])):
        assert np.allclose(normalised[:, column], 1.0 / np.pi) and np.allclose(np.delete(normalised, column, axis=1), 0.0)
    assert ActionSpace.from_robot(G1, "arms_only").turning == ()


def test_a_base_that_cannot_go_sideways_keeps_the_axis_at_zero() -> None:
    robot = replace(G1, base=replace(G1.base, max_velocity=np.array([0.5, 0.0, 1.0])))
    space = ActionSpace.from_robot(robot, "arms_only")
    assert space.dim == 17 and space.normalise(np.append(np.zeros(14), [0.5, 0.0, -1.0]))[-3:].tolist() == [1.0, 0.0, -1.0]


def with_hands(gripper: dict[str, Gripper]) -> Robot:
    """The G1 whose wrists are hands."""
    hands = tuple(name for name in G1.parts["arms"] if "wrist" in name)
    parts = {**G1.parts, "arms": tuple(name for name in G1.parts["arms"] if name not in hands), "hands": hands}
    return replace(G1, parts=parts, grippers={name: replace(g, joints=hands) for name, g in gripper.items()})


def test_hands_follow_the_arms_in_every_mode_but_the_narrowest_and_a_robot_without_them_has_none() -> None:
    robot = with_hands({})
    sizes = {mode: {name: p.stop - p.start for name, p in ActionSpace.from_robot(robot, mode).groups.items()} for mode in MODES}
    assert sizes == {
        "arms_only": {"arms": 8, "base": 3},
        "arms_hands": {"arms": 8, "hands": 6, "base": 3},
        "upper_body": {"arms": 8, "hands": 6, "torso": 3, "base": 3},
        "whole_body": {"arms": 8, "hands": 6, "torso": 3, "legs": 12, "base": 3},
    }
    names = [ActionSpace.from_robot(robot, mode).joint_names for mode in MODES]
    assert all(wide[: len(narrow)] == narrow for narrow, wide in pairwise(names))
    assert ActionSpace.from_robot(G1, "arms_hands").joint_names == ActionSpace.from_robot(G1, "arms_only").joint_names


def test_joints_of_grippers_are_absolute_whatever_part_they_belong_to() -> None:
    assert ActionSpace.from_robot(G1, "whole_body").absolute == ()
    robot = with_hands({"hand": Gripper("hand", kind="hand")})
    assert ActionSpace.from_robot(robot, "arms_only").absolute == ()
    assert ActionSpace.from_robot(robot, "whole_body").absolute == tuple(range(8, 14))
