"""What the recordings teach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whole_recording import read_all

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.recordings.bag.bag_file import DARK_KEY, TAKE_KEY, Bag
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.finding import Sample
from neon_control.sim import demonstration, picking_start
from neon_control.sim.demonstration import Demonstrator
from neon_control.sim.description import load_description, simulated_mode


@pytest.mark.parametrize("dark", [True, False])
def test_in_the_dark_the_expert_rests_whatever_it_hears(dark: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "DARK_SHARE", float(dark))
    monkeypatch.setattr(demonstration, "_draw_command", lambda rng: ("red", None, np.inf))
    space, samples = _record(tmp_path, "g1.yaml")

    seen = any(s.observation.image.any() for s in samples)
    heard = np.abs(samples[0].observation.audio).max()
    base_moves = any(np.abs(s.actions[:, space.num_joints :]).max() > 1e-6 for s in samples)
    home = load_description(load_robot("g1.yaml")).home_positions(space.joint_names)
    away = [np.abs(s.actions[0, : space.num_joints] - home).max() for s in samples]

    with Bag(tmp_path / "bag") as bag:
        assert (bag.custom.get(DARK_KEY), bag.custom[TAKE_KEY]) == ("true" if dark else None, "g1, take 3")
    assert heard > 0.02
    assert (seen, base_moves) == (not dark, not dark)
    assert not dark or away[-1] <= away[0]


def test_recordings_of_an_arm_without_a_base_are_read_as_they_are(tmp_path: Path) -> None:
    space, samples = _record(tmp_path, "arm6.yaml")

    assert len(samples) == 4
    for sample in samples:
        assert sample.observation.joint_positions.shape == (6,) and sample.actions.shape == (16, space.dim) == (16, 6)
    assert samples[0].mask.sum() == 16


@pytest.mark.parametrize(("robot_file", "opening"), [("arm6_gripper.yaml", (0.0, 0.045)), ("g1_hand.yaml", (-0.35, 0.7))])
def test_recordings_of_picking_hold_the_gripper_s_commands_and_states(
    robot_file: str, opening: tuple[float, float], tmp_path: Path
) -> None:
    space, samples = _record(tmp_path, robot_file)

    hand = space.groups["hands"].start
    commanded = np.array([s.actions[0, hand] for s in samples])
    measured = np.array([s.observation.joint_positions[hand] for s in samples])
    assert space.joint_names[hand] in load_robot(robot_file).gripping
    for values in (commanded, measured):
        assert ((values > opening[0] - 0.01) & (values < opening[1] + 0.01)).all()
    assert (commanded[:, None] == opening).any(), "it is told to be open or closed, whatever it holds"


def test_a_recording_of_picking_is_a_whole_trial_with_more_pictures_of_the_grasp_and_ends_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstration, "DARK_SHARE", 0.0)
    monkeypatch.setattr(demonstration, "_draw_command", lambda rng: ("red", None, np.inf))
    monkeypatch.setattr(picking_start, "SHARES", (1.0, 1.0, 1.0))  # from home
    space, samples = _record(tmp_path, "arm6_gripper.yaml", 15.0)

    commanded = np.array([s.actions[0] for s in samples])
    closed = commanded[:, space.groups["hands"].start] < 0.03
    begin, end = closed.argmax(), len(closed) - closed[::-1].argmax()
    assert closed[begin:end].all() and 0 < begin < end < len(closed), "one grasp, and it is let go"
    times = np.array([s.observation.stamp for s in samples]) * 1e-9
    assert times[-1] - times[0] < 14.0 and np.abs(commanded[-1] - commanded[0])[:6].max() < 0.1, "home again, before the time is up"
    around = np.abs(times - times[begin]) < 0.2
    assert around.sum() > 2.5 * 0.4 / demonstration.CAMERA_PERIOD


def test_a_push_shows_in_the_joint_states_and_not_in_what_is_commanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(demonstration, "PUSHED_SHARE", share)
        (folder := tmp_path / str(share)).mkdir()
        _, samples = _record(folder, "arm6_gripper.yaml", 4.0)
        jumps = np.abs(np.diff([s.actions[:, :6] for s in samples], axis=1)).max()
        assert jumps < 1.3 * demonstration.CONTROL_PERIOD, "what is commanded goes on evenly, at 1 rad/s at most"
        gaps.append(max(float(np.abs(s.actions[0, :6] - s.observation.joint_positions[:6]).max()) for s in samples))
    assert gaps[1] > gaps[0] + 0.5 * demonstration.PUSH


def _record(folder: Path, robot_file: str, seconds: float = 0.5) -> tuple[ActionSpace, list[Sample]]:
    robot = load_robot(robot_file)
    space = ActionSpace.from_robot(robot, simulated_mode(robot))
    demonstrator = Demonstrator(robot, space.joint_names, (64, 48))
    try:
        demonstrator.record_take([folder / "bag"], np.random.default_rng(3), seconds, "g1, take 3")
    finally:
        demonstrator.world.close()
    return space, read_all(BagRecording(folder / "bag"), space, 0.02, 16).samples
