"""An export of several cameras and tasks: every image and word comes back at its frame."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pyarrow.parquet as parquet
import pytest
from bag_writer import BagWriter, image, joint_state, position_command, text
from whole_recording import read_all

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.episode import Episode
from neon_control.recordings.finding import Report, find_recordings
from neon_control.recordings.labels import labels_of
from neon_control.recordings.leaders import LED_BY_PERSON
from neon_control.recordings.lerobot.export import LED, SUCCEEDED, LeRobotExport
from neon_control.tools.recordings import _labels

NAMES, FPS = ("joint0", "joint1"), 10
SPACE = ActionSpace("arms_only", NAMES, {"arms": slice(0, 2)}, -np.ones(2), np.ones(2))
SIZES = {"front": (32, 48), "wrist": (24, 32)}
CAMERAS = [Camera(name, f"{name}/image_raw") for name in SIZES]
CONFIG = replace(
    RecordingConfig(audio="", base="", commands=(CommandTopic("arm/commands", NAMES),)), name="front", robot_cameras=tuple(SIZES)
).looking_through(CAMERAS)
BACK = RecordingConfig(base="", name="front", robot_cameras=tuple(SIZES)).looking_through(CAMERAS)


def write_bag(path: Path, told: str = "", then: str = "", grey: int = 0) -> Path:
    """3 s; the wrist's images are 100 grey levels lighter, and after 1.5 s it may be told something else."""
    with BagWriter(path) as bag:
        if told:
            bag.write("instruction", 0.0, text(told))
        for tick in range(300):
            t = tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [t / 10, -t / 10]))
            bag.write("arm/commands", t, position_command([t / 10 + 0.02, -t / 10 - 0.02]))
            if then and tick == 150:
                bag.write("instruction", t, text(then))
            if tick % 10 == 5:
                for lighter, (name, size) in zip((0, 100), SIZES.items(), strict=True):
                    bag.write(f"{name}/image_raw", t, image(t - 0.02, np.full((*size, 3), grey + tick // 5 + lighter, np.uint8)))
    return path


def test_every_camera_and_the_task_of_every_frame_come_back(tmp_path: Path) -> None:
    write_bag(tmp_path / "bags/0", "open the drawer", "close it")
    write_bag(tmp_path / "bags/1", "close it", grey=20)
    write_bag(tmp_path / "bags/2", grey=40)
    bags = find_recordings(tmp_path / "bags", CONFIG)
    original = [s for bag in bags for s in read_all(bag, SPACE, 0.02, 1).samples]
    root = tmp_path / "set"
    with LeRobotExport(root, SPACE, "robot", FPS, "wave", tuple(SIZES)) as dataset:
        for bag in bags:
            dataset.add(bag, 0.02, Report())
    readings = [read_all(r, SPACE, 0.02, 1) for r in find_recordings(root, BACK)]
    assert [p for reading in readings for p in reading.problems] == []
    samples = [s for reading in readings for s in reading.samples]
    assert len(samples) == len(original) == dataset.frames == 90
    for ours, theirs in zip(samples, original, strict=True):
        assert [clip[-1].shape[:2] for clip in ours.observation.clips] == list(SIZES.values())
        for (seen,), (was,) in zip(ours.observation.clips, theirs.observation.clips, strict=True):
            assert np.abs(seen.astype(int) - was).max() <= 3
        assert ours.observation.instruction == (theirs.observation.instruction or "wave")
    assert {s.observation.instruction for s in samples} == {"open the drawer", "close it", "wave"}

    info = json.loads((root / "meta/info.json").read_text())
    assert info["total_tasks"] == 3
    shapes = {k: tuple(f["shape"]) for k, f in info["features"].items() if f["dtype"] == "video"}
    assert shapes == {f"observation.images.{name}": (*size, 3) for name, size in SIZES.items()}
    assert set(json.loads((root / "meta/stats.json").read_text())) == set(info["features"])
    rows = parquet.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["tasks"] for row in rows] == [["open the drawer", "close it"], ["close it"], ["wave"]]
    assert all(row["videos/observation.images.wrist/to_timestamp"] > 0 for row in rows)


def test_a_recording_without_one_of_the_cameras_gives_no_episode(tmp_path: Path) -> None:
    blind = replace(CONFIG, others=(Camera("hand", "hand/image_raw"),))
    with LeRobotExport(tmp_path / "set", SPACE, "robot", FPS, "", ("front", "hand")) as dataset:
        report = Report()
        dataset.add(find_recordings(write_bag(tmp_path / "bag"), blind)[0], 0.02, report)
    assert dataset.episodes == 0 and not (tmp_path / "set/meta").exists()
    assert any("hand" in str(p) for p in report.problems)


def write_attempt(path: Path, outcome: str, grey: int = 0, led: tuple[float, float] | None = None) -> Path:
    """As `write_bag`, of an attempt of which somebody said how it ended; a person led from and to these seconds."""
    write_bag(path, "open the drawer", grey=grey)
    words = [(0.0, "policy"), *(zip(led, ("takeover", "policy"), strict=True) if led else ())]
    with Bag(path) as whole, BagWriter(path.with_name(f"{path.name}_said")) as bag:
        for message in whole.messages():
            bag.write_raw(message.topic.lstrip("/"), message.type, message.time, message.data)
        for time, who in words:
            bag.write("commander", time, text(who))
        bag.write("episode/state", 2.99, text(Episode(outcome=outcome).to_json()))
    rmtree(path)
    return path


def test_outcomes_takeovers_and_tasks_come_back(tmp_path: Path) -> None:
    write_attempt(tmp_path / "bags/0", "success", led=(1.0, 2.0))
    write_attempt(tmp_path / "bags/1", "failure", grey=20)
    bags = find_recordings(tmp_path / "bags", CONFIG)
    labels = [labels_of(bag) for bag in bags]
    assert labels == [("success", True), ("failure", True)]
    root = tmp_path / "set"
    with LeRobotExport(root, SPACE, "robot", FPS, "", tuple(SIZES), (SUCCEEDED, LED)) as dataset:
        for bag in bags:
            dataset.add(bag, 0.02, Report())

    features = json.loads((root / "meta/info.json").read_text())["features"]
    assert features[SUCCEEDED] == features[LED] == {"dtype": "bool", "shape": [1], "names": None}
    rows = parquet.read_table(root / "data/chunk-000/file-000.parquet").to_pydict()
    assert [i for i, said in enumerate(rows[SUCCEEDED]) if said] == [29]  # the last frame of the first episode
    assert sum(rows[LED]) == 10

    back = find_recordings(root, BACK)
    assert [labels_of(episode) for episode in back] == labels
    for ours, theirs in zip(back, bags, strict=True):
        report, original = Report(), Report()
        samples, was = list(ours.samples(SPACE, 0.02, 1, report=report)), list(theirs.samples(SPACE, 0.02, 1, report=original))
        assert report.outcome == labels_of(theirs).outcome and not report.problems
        assert [s.leader for s in samples] == [s.leader for s in was]
        assert {s.observation.instruction for s in samples} == {"open the drawer"}
        takeovers = [s.before_takeover for s in was]
        assert np.allclose([s.before_takeover for s in samples], takeovers, atol=0.11)  # a frame's time


def test_lerobot_s_other_names_of_an_intervention_are_known(tmp_path: Path) -> None:
    write_attempt(tmp_path / "bag", "success", led=(1.0, 2.0))
    root = tmp_path / "set"
    with LeRobotExport(root, SPACE, "robot", FPS, "", tuple(SIZES), (LED,)) as dataset:
        dataset.add(find_recordings(tmp_path, CONFIG)[0], 0.02, Report())
    file, info = root / "data/chunk-000/file-000.parquet", root / "meta/info.json"
    table = parquet.read_table(file)
    names = ["complementary_info.is_intervention" if n == LED else n for n in table.column_names]
    parquet.write_table(table.rename_columns(names), file)
    info.write_text(info.read_text().replace(f'"{LED}"', f'"{names[table.column_names.index(LED)]}"'))
    (episode,) = find_recordings(root, BACK)
    assert sum(s.leader == LED_BY_PERSON for s in episode.samples(SPACE, 0.02, 1)) == 10
    assert labels_of(episode) == ("", True)


def test_a_mixed_set_says_no_outcome_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_attempt(tmp_path / "bags/0", "success")
    write_bag(tmp_path / "bags/1", grey=20)
    bags = find_recordings(tmp_path / "bags", CONFIG)
    assert _labels(bags, sys.stdout) == [LED]
    assert "1 of 2 recordings do not say how they ended" in capsys.readouterr().out
    assert _labels(bags[:1], sys.stdout) == [SUCCEEDED, LED] and _labels(bags[1:], sys.stdout) == []
