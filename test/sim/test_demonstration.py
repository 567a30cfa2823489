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
from neon_control.sim import demonstration
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


def _record(folder: Path, robot_file: str) -> tuple[ActionSpace, list[Sample]]:
    robot = load_robot(robot_file)
    space = ActionSpace.from_robot(robot, simulated_mode(robot))
    demonstrator = Demonstrator(robot, space.joint_names, (64, 48))
    try:
        demonstrator.record_take([folder / "bag"], np.random.default_rng(3), 0.5, "g1, take 3")
    finally:
        demonstrator.world.close()
    return space, read_all(BagRecording(folder / "bag"), space, 0.02, 16).samples
