"""Rows of an episode: in order of time, and what is bad costs itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot_set import FRAMES, SPACE, Rows, motion, write_set
from whole_recording import Reading, read_all

from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.recordings.finding import Report, find_recordings

ARM = RecordingConfig(lerobot=LeRobotNames(image="observation.images.front"), base="")


def read(root: Path) -> Reading:
    return read_all(find_recordings(root, ARM)[0], SPACE, 0.02, 16)


@pytest.mark.parametrize("bad", [None, [0.1], [0.1, None, 0.2], [0.1, float("inf"), 0.2]])
def test_one_state_that_is_none_costs_its_frame(bad: Any, tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["observation.state"][7] = bad

    reading = read(write_set(tmp_path / "set", edit))
    assert len(reading.samples) == FRAMES - 1
    assert reading.problems[0].where == "set/episode_000000 observation.state"
    assert "file-000.parquet, frame 7: " in reading.problems[0].what and reading.problems[0].what.endswith("; left out")


def test_one_image_that_is_none_costs_its_frame(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["observation.images.front"][3] = None
        rows["observation.images.front"][4] = {"bytes": b"no picture", "path": None}

    reading = read(write_set(tmp_path / "set", edit))
    assert len(reading.samples) == FRAMES - 2
    assert any("frame 3: no image: " in p.what for p in reading.problems)


def test_the_timestamps_rate_counts_and_another_one_is_said(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", edit_info=lambda info: info.update(fps=15))
    report = Report()
    samples = list(find_recordings(root, ARM)[0].samples(SPACE, 0.02, 16, report=report))
    assert (
        len(samples) == FRAMES
        and report.seconds == pytest.approx(FRAMES / 30)
        and list(report.rates.values()) == pytest.approx([30.0, 30.0])
    )
    assert "the timestamps have 30 frames a second, fps of meta/info.json is 15" in report.problems[0].what


def test_a_frame_without_a_time_is_left_out_and_named(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        rows["timestamp"][5], rows["timestamp"][8] = float("nan"), rows["timestamp"][7]

    reading = read(write_set(tmp_path / "set", edit))
    assert len(reading.samples) == FRAMES - 2
    assert reading.problems[0].what == "file-000.parquet, frames 5, 8: timestamp is no number, or does not rise; left out"


def test_rows_out_of_order_are_sorted(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        for values in rows.values():
            values[3], values[9] = values[9], values[3]

    reading = read(write_set(tmp_path / "set", edit))
    assert [p.what for p in reading.problems] == ["file-000.parquet: rows are out of order; they are sorted by frame_index"]
    assert np.stack([s.observation.joint_positions for s in reading.samples]) == pytest.approx(np.array([motion(k) for k in range(FRAMES)]))
