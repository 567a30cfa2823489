"""`neon_control recordings`: a table of what is there, the right exit code, and an export that can be read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_writer import BagWriter, image, joint_state, text
from lerobot_set import write_set

from neon_control.core.robot.robot_file import load_robot
from neon_control.tools.cli import main

NAMES = tuple(load_robot("g1.yaml").parts["arms"])


def write(path: Path, camera: bool = True) -> Path:
    with BagWriter(path) as bag:
        for tick in range(200):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [0.001 * tick] * len(NAMES)))
            if tick == 95:
                bag.write("begin", t, text("again"))
            if camera and tick % 10 == 5:
                bag.write("camera/image_raw", t, image(t, np.full((32, 32, 3), tick, np.uint8)))
    return path


def test_bags_are_listed_with_their_problems_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "bags" / "good")
    write(tmp_path / "bags" / "blind", camera=False)
    out = tmp_path / "set"
    assert main(["recordings", str(tmp_path / "bags"), "--boundary", "begin", "--export-lerobot", str(out), "--task", "wave"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Recording", "Episodes", "Seconds", "Samples", "Images", "[Hz]", "Joint", "states", "[Hz]", "Problems"]
    assert lines[2].split() == ["blind", "0", "0.0", "0", "0.0", "0.0", "1"]
    assert lines[3].split() == ["good", "2", "1.9", "20", "10.0", "100.0", "3"]
    assert any(line.startswith("blind") and "no topic ['camera/image_raw']" in line for line in lines[4:])
    assert "1 of 2 recordings are usable: 20 samples" in lines
    assert lines[-1] == f"{out}: 2 episodes, 20 frames at 10 Hz"
    assert main(["recordings", str(out)]) == 0
    assert "2 of 2 recordings are usable: 20 samples" in capsys.readouterr().out


def test_where_nothing_is_usable_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "blind", camera=False)
    assert main(["recordings", str(tmp_path)]) == 1
    assert "there is nothing to train on" in capsys.readouterr().err
    assert main(["recordings", str(tmp_path / "nothing")]) == 2
    assert "no such file or folder: " in capsys.readouterr().err


def test_the_same_problem_of_many_episodes_is_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path / "set", names=None)
    assert main(["recordings", str(tmp_path / "set"), "--robot", "g1.yaml"]) == 1
    rows = [line for line in capsys.readouterr().out.splitlines() if "recording.lerobot.images" in line]
    assert len(rows) == 1 and rows[0].split()[:3] == ["set/episode_000000", "2", "2"] and rows[0].endswith("also in set/episode_000001")


def test_one_set_that_cannot_be_read_does_not_end_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def no_place(rows: list[dict[str, Any]]) -> None:
        rows[0]["data/chunk_index"] = rows[1]["length"] = None

    write(tmp_path / "good")
    write_set(tmp_path / "bad", edit_episodes=no_place)
    write_set(tmp_path / "worse", edit_info=lambda info: info.update(features=[1]))
    assert main(["recordings", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1 of 4 recordings are usable: 20 samples" in out
    assert "length must be a whole number >= 0, got None" in out and "features must be a mapping, got [1]" in out
