"""Paths of what is planned: they begin where the robot is, and tell what the chunks say."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.common.errors import ChunkError, ConfigError
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.plan import Plan, integrate_base, seen_from
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot

ROBOT = load_robot("g1.yaml")
G1 = Kinematics(ROBOT.urdf_path)
HANDS = G1.hands(ROBOT)
ARMS = ROBOT.parts["arms"]
MEASURED = dict.fromkeys(ROBOT.joints, 0.0) | {"waist_yaw_joint": 0.4, "waist_pitch_joint": 0.2}
NOW, DT, STEPS = 1_700_000_000_000_000_000, 0.02, 16
MS = 1_000_000


def plan(method: str = "latest", capacity: int = 5) -> Plan:
    settings = EnsembleSettings(method=method, m=0.0)
    return Plan(G1, HANDS, settings, settings, capacity)


def ramp(slope: float = 1.0) -> np.ndarray:
    """(H, 14) every joint at slope * seconds since the chunk's stamp [rad]."""
    return np.tile(slope * DT * np.arange(STEPS)[:, None], (1, len(ARMS)))


def hands_at(angle: float) -> np.ndarray:
    """(L, 3) of the hands with all arm joints at one angle [rad]."""
    return G1.poses(HANDS, MEASURED | dict.fromkeys(ARMS, angle))[0][:, 0]


def test_a_path_begins_where_the_chunk_has_the_hands_at_this_instant() -> None:
    p = plan()
    p.add(JOINTS, ActionChunk(NOW - 75 * MS, DT, ARMS, ramp()), NOW)
    (path,), ensembled = p.paths(NOW, MEASURED)
    assert np.allclose(path.places[:, 0], hands_at(0.075), atol=1e-12)
    assert np.allclose(path.places[:, -1], hands_at(0.3), atol=1e-12)
    assert np.allclose(path.seconds, [0.0, *(0.02 * np.arange(4, 16) - 0.075)], atol=1e-9)
    assert ensembled is not None
    assert np.allclose(ensembled.places[:, 0], path.places[:, 0], atol=1e-12)


def test_the_newest_path_alone_is_the_first_of_all() -> None:
    p = plan()
    assert p.newest_path(NOW, MEASURED) is None
    for age, slope in ((150, 0.5), (75, 1.0)):
        p.add(JOINTS, ActionChunk(NOW - age * MS, DT, ARMS, ramp(slope)), NOW)
    path, (first, _) = p.newest_path(NOW, MEASURED), p.paths(NOW, MEASURED)[0]
    assert path is not None
    assert np.array_equal(path.places, first.places)
    assert np.array_equal(path.seconds, first.seconds)


def test_a_chunk_that_has_ended_has_no_path() -> None:
    p = plan()
    p.add(JOINTS, ActionChunk(NOW - 100 * MS, DT, ARMS, ramp()), NOW)
    assert len(p.paths(NOW, MEASURED)[0]) == 1
    assert p.paths(NOW + 201 * MS, MEASURED) == ([], None)


def test_the_hands_move_with_the_base() -> None:
    p = plan()
    p.add(JOINTS, ActionChunk(NOW, DT, ARMS, np.zeros((STEPS, len(ARMS)))), NOW)
    p.add(BASE, ActionChunk(NOW, DT, BASE_NAMES, np.tile([0.5, 0.0, 2.0], (STEPS, 1))), NOW)
    (path,), _ = p.paths(NOW, MEASURED)
    x, y, yaw = path.base[-1]
    assert yaw == pytest.approx(0.6) and x > 0.1 and y > 0.0
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    assert np.allclose(path.places[:, -1], hands_at(0.0) @ turn.T + [x, y, 0.0], atol=1e-12)
    assert np.allclose(path.rotations[:, -1], turn @ path.rotations[:, 0], atol=1e-12)
    assert not path.base[0].any()


def test_a_chunk_is_drawn_when_both_of_its_halves_have_arrived() -> None:
    p = plan()
    p.add(JOINTS, ActionChunk(NOW, DT, ARMS, ramp()), NOW)
    assert len(p.paths(NOW, MEASURED)[0]) == 1, "a robot without a base"
    p.add(BASE, ActionChunk(NOW, DT, BASE_NAMES, np.ones((STEPS, 3))), NOW)
    p.add(JOINTS, ActionChunk(NOW + MS, DT, ARMS, ramp()), NOW + MS)
    assert len(p.paths(NOW + 2 * MS, MEASURED)[0]) == 1
    p.add(BASE, ActionChunk(NOW + MS, DT, BASE_NAMES, np.ones((STEPS, 3))), NOW + MS)
    assert len(p.paths(NOW + 2 * MS, MEASURED)[0]) == 2


def test_newest_chunks_come_first_and_only_so_many_are_kept() -> None:
    p = plan(capacity=2)
    for age in (90, 30, 60):  # they may arrive out of order
        p.add(JOINTS, ActionChunk(NOW - age * MS, DT, ARMS, ramp(age * 1.0)), NOW)
    paths, _ = p.paths(NOW, MEASURED)
    assert len(paths) == 2
    for path, age in zip(paths, (30, 60), strict=True):
        assert np.allclose(path.places[:, 0], hands_at(age * 0.001 * age), atol=1e-9)


def test_the_ensembled_path_is_what_the_ensemble_makes_of_all_chunks() -> None:
    p = plan("act")  # with m = 0: the mean
    for offset, angle in ((60, 0.1), (40, 0.5)):
        p.add(JOINTS, ActionChunk(NOW - offset * MS, DT, ARMS, np.full((STEPS, len(ARMS)), angle)), NOW)
    _, path = p.paths(NOW, MEASURED)
    assert path is not None
    assert np.allclose(path.places[:, 0], hands_at(0.3), atol=1e-9)
    assert np.allclose(path.places[:, -1], hands_at(0.5), atol=1e-9), "the older chunk has ended by then"


def test_other_joints_begin_a_new_plan_and_a_clock_that_is_set_back_too() -> None:
    p = plan()
    p.add(JOINTS, ActionChunk(NOW, DT, ARMS, ramp()), NOW)
    p.add(JOINTS, ActionChunk(NOW + MS, DT, ARMS[:7], ramp()[:, :7]), NOW + MS)
    assert len(p.paths(NOW + 2 * MS, MEASURED)[0]) == 1
    assert p.paths(NOW - 1000 * MS, MEASURED) == ([], None)
    p.add(JOINTS, ActionChunk(NOW - 1000 * MS, DT, ARMS[:7], ramp()[:, :7]), NOW - 1000 * MS)
    assert len(p.paths(NOW - 999 * MS, MEASURED)[0]) == 1


def test_a_chunk_that_the_executor_would_refuse_is_not_drawn() -> None:
    p = plan()
    with pytest.raises(ChunkError, match=r"ended 0\.700 s ago"):
        p.add(JOINTS, ActionChunk(NOW - 1000 * MS, DT, ARMS, ramp()), NOW)
    assert p.paths(NOW, MEASURED) == ([], None)


def test_a_link_that_the_robot_does_not_have_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="no link named third_hand"):
        Plan(G1, ["third_hand"], EnsembleSettings(), EnsembleSettings())


def test_a_base_path_takes_a_length_for_each_step() -> None:
    poses = integrate_base(np.zeros(3), np.tile([1.0, 0.0, 0.0], (4, 1)), np.array([0.1, 0.2, 0.3, 0.4]))
    assert np.allclose(poses[:, 0], [0.0, 0.1, 0.3, 0.6])


def test_poses_seen_from_another_pose_are_relative_to_it() -> None:
    pose = np.array([1.0, 2.0, np.pi / 2])
    assert np.allclose(seen_from(pose, np.array([[1.0, 2.0, np.pi / 2], [1.0, 3.0, np.pi]])), [[0, 0, 0], [1, 0, np.pi / 2]])


@pytest.mark.parametrize(("steps", "dt", "horizon"), [(8, 0.1, 0.7), (50, 0.02, 0.98), (16, 0.02, 0.3)])
def test_the_horizon_is_that_of_the_newest_chunk_and_its_path_ends_there(steps: int, dt: float, horizon: float) -> None:
    p = plan()
    assert p.horizon == 0.0
    p.add(JOINTS, ActionChunk(NOW - 75 * MS, dt, ARMS, np.zeros((steps, len(ARMS)))), NOW)
    assert p.horizon == pytest.approx(horizon)
    assert p.newest_path(NOW, MEASURED).seconds[-1] == pytest.approx(horizon - 0.075)
