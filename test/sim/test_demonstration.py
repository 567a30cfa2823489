"""What the recordings teach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neon_control.core.action_space import ActionSpace
from neon_control.core.robot import load_robot
from neon_control.sim import demonstration
from neon_control.sim.demonstration import Demonstrator
from neon_control.sim.world import home_positions
from neon_control.training.recordings import Sample, read_samples


@pytest.mark.parametrize("dark", [True, False])
def test_in_the_dark_the_expert_rests_whatever_it_hears(dark: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "DARK_SHARE", float(dark))
    monkeypatch.setattr(demonstration, "_draw_command", lambda rng: ("red", None, np.inf))
    space, samples = _record(tmp_path)

    seen = any(s.observation.image.any() for s in samples)
    heard = np.abs(samples[0].observation.audio).max()
    base_moves = any(np.abs(s.actions[:, space.num_joints :]).max() > 1e-6 for s in samples)
    away = [np.abs(s.actions[0, : space.num_joints] - home_positions(space.joint_names)).max() for s in samples]

    assert heard > 0.02
    assert (seen, base_moves) == (not dark, not dark)
    assert not dark or away[-1] <= away[0]


def _record(folder: Path) -> tuple[ActionSpace, list[Sample]]:
    robot = load_robot("g1.yaml")
    space = ActionSpace.from_robot(robot, "arms_only")
    demonstrator = Demonstrator(robot, space.joint_names, (64, 48))
    try:
        demonstrator.record_take([folder / "bag"], np.random.default_rng(3), 0.5)
    finally:
        demonstrator.world.close()
    return space, read_samples(folder / "bag", space, 0.02, 16)
