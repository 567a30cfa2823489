"""What a replay needs of a recording, before it starts anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topics import replay_remappings
from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.sim.demonstration_bag import EpisodeRecorder
from neon_control.tools.replay import needed_inputs

ROBOT = load_robot("g1.yaml")
JOINTS, CAMERA = "/joint_states", "/camera/image_raw"


@pytest.fixture
def bag(tmp_path: Path) -> Iterator[Bag]:
    with EpisodeRecorder(tmp_path / "bag") as recorder:
        recorder.image(0.0, np.zeros((2, 2, 3), np.uint8))
        recorder.joint_states(0.0, ("a",), np.zeros(1), np.zeros(1))
    with Bag(tmp_path / "bag") as opened:
        yield opened


def needed(bag: Bag, names: dict[str, str], namespace: str = "") -> list[str]:
    return needed_inputs(list(bag.topics), bag, ROBOT, replay_remappings(ROBOT, namespace) | names, namespace)


def test_joint_states_and_the_first_camera_are_needed(bag: Bag) -> None:
    assert needed(bag, {}) == [JOINTS, CAMERA]


def test_without_them_the_error_names_what_was_looked_for_and_what_is_there(bag: Bag) -> None:
    with pytest.raises(BagError, match=f"nothing to play on /left{JOINTS}, which the nodes need; the recording has .*{CAMERA}"):
        needed(bag, {}, "left")


def test_inputs_of_another_name_are_found_when_remapped(bag: Bag) -> None:
    """A recording of other topics was refused before, whatever --remap said."""
    names = {topic: f"/left{topic}" for topic in (JOINTS, CAMERA)}
    assert needed(bag, names, "left") == [JOINTS, CAMERA]
    with pytest.raises(BagError, match="nothing to play on /joint_states"):
        needed(bag, names)
