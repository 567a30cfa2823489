"""Joint positions for the pose of a hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.reach import Reach
from neon_control.core.robot.robot_file import load_robot

ARMS = [("g1.yaml", "left_arm", "left_hand_tcp"), ("arm6.yaml", "arm", "hand_tcp")]
BUILT = {}
for file, group, hand in ARMS:
    robot = load_robot(file)
    BUILT[file] = (robot, Reach(robot, Kinematics(robot.urdf_path), hand, robot.groups[group]))
NEAR = st.lists(st.floats(-0.25, 0.25), min_size=7, max_size=7)
SHARE = st.lists(st.floats(0.15, 0.85), min_size=7, max_size=7)


def pose_of(reach: Reach, robot, share: list[float]) -> dict[str, float]:
    """A posture: each joint so far along its range."""
    return {
        name: robot.joints[name].safe_lower * (1.0 - s) + robot.joints[name].safe_upper * s
        for name, s in zip(reach.names, share, strict=False)
    }


@pytest.mark.parametrize("file", BUILT)
@given(share=SHARE)
@settings(max_examples=8, deadline=None)
def test_the_jacobian_is_how_the_hand_moves(file: str, share: list[float]) -> None:
    robot, reach = BUILT[file]
    start = pose_of(reach, robot, share)
    place, rotation = reach.pose(start)
    jacobian = reach._kinematics.jacobian(reach._hand, reach.names, start)
    for column, name in zip(jacobian.T, reach.names, strict=True):
        moved, turned = reach.pose(start | {name: start[name] + 1e-6})
        np.testing.assert_allclose((moved - place) / 1e-6, column[:3], atol=1e-5)
        swung = (turned @ rotation.T - np.eye(3)) / 1e-6
        np.testing.assert_allclose([swung[2, 1], swung[0, 2], swung[1, 0]], column[3:], atol=1e-5)


@pytest.mark.parametrize("file", BUILT)
@given(share=SHARE, by=NEAR)
@settings(max_examples=15, deadline=None)
def test_a_pose_that_the_arm_can_have_is_reached_within_its_limits(file: str, share: list[float], by: list[float]) -> None:
    robot, reach = BUILT[file]
    start = pose_of(reach, robot, share)
    goal = {
        name: float(np.clip(start[name] + d, robot.joints[name].safe_lower, robot.joints[name].safe_upper))
        for name, d in zip(start, by, strict=False)
    }
    place, rotation = reach.pose(goal)
    positions = start
    for _ in range(60):
        found = reach.towards(positions, place, rotation)
        positions = found.positions
    assert all(robot.joints[n].safe_lower <= q <= robot.joints[n].safe_upper for n, q in positions.items())
    assert found.off < 0.02, "a limit in the way may cost a little"
    here, _ = reach.pose(positions)
    assert np.linalg.norm(here - place) == pytest.approx(found.off, abs=1e-9)


@pytest.mark.parametrize("file", BUILT)
@given(share=SHARE, way=st.tuples(*[st.floats(-1.0, 1.0)] * 3))
@settings(max_examples=8, deadline=None)
def test_out_of_reach_it_stretches_towards_it_says_by_how_much_and_stays_there(file: str, share: list[float], way: tuple) -> None:
    robot, reach = BUILT[file]
    positions = pose_of(reach, robot, share)
    place, rotation = reach.pose(positions)
    far = place + 3.0 * np.array(way) / max(np.linalg.norm(way), 0.5)
    first = np.linalg.norm(far - place)
    for _ in range(100):
        found = reach.towards(positions, far, rotation)
        last, positions = positions, found.positions
    assert found.settled and found.off <= first + 1e-6 and (found.off > 0.3 or first < 1.5)
    assert all(robot.joints[n].safe_lower <= q <= robot.joints[n].safe_upper for n, q in positions.items())
    assert max(abs(positions[n] - last[n]) for n in last) < 0.1, "it does not swing to and fro"


def test_small_steps_of_the_goal_are_small_steps_of_the_joints() -> None:
    robot, reach = BUILT["g1.yaml"]
    positions = pose_of(reach, robot, [0.5] * 7) | {"left_elbow_joint": 0.9}
    place, rotation = reach.pose(positions)
    biggest = 0.0
    for angle in np.linspace(0.0, 2.0 * np.pi, 100):
        goal = place + 0.05 * np.array([0.0, np.sin(angle), 1.0 - np.cos(angle)])
        found = reach.towards(positions, goal, rotation)
        biggest = max(biggest, *(abs(found.positions[n] - positions[n]) for n in reach.names))
        positions = positions | found.positions
        assert found.off < 0.002
    assert biggest < 0.05


def test_the_other_joints_stay_and_a_pose_that_is_there_needs_no_step() -> None:
    robot, reach = BUILT["g1.yaml"]
    posture = pose_of(reach, robot, [0.5] * 7) | {"waist_yaw_joint": 0.3}
    found = reach.towards(posture, *reach.pose(posture))
    assert found.positions == {n: pytest.approx(posture[n]) for n in reach.names} and found.off < 1e-9 and found.settled
