"""Where a dataset's files are: links are followed, names that lead out are not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lerobot_set import FRAMES, SPACE, Rows, write_set
from whole_recording import read_all

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.recordings.finding import find_recordings
from neon_control.recordings.lerobot.layout import load_layout

FRONT = RecordingConfig(lerobot=LeRobotNames(image="observation.images.front"), base="")


def in_the_hubs_cache(root: Path, cache: Path, repository: str) -> Path:
    """The dataset as the hub's client keeps it: its files are links into `blobs/`."""
    folder = cache / f"datasets--{repository.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("0" * 40)
    snapshot = folder / "snapshots" / ("0" * 40)
    for number, file in enumerate(sorted(f for f in root.rglob("*") if f.is_file())):
        blob = folder / "blobs" / f"{number:040x}"
        shutil.move(file, blob)
        link = snapshot / file.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def test_a_dataset_in_the_hubs_cache_is_read_through_its_links(tmp_path: Path) -> None:
    snapshot = in_the_hubs_cache(write_set(tmp_path / "set"), tmp_path / "hub", "someone/reach")
    recordings = find_recordings(snapshot, FRONT)
    assert [r.name for r in recordings] == ["someone/reach/episode_000000", "someone/reach/episode_000001"]
    for recording in recordings:
        reading = read_all(recording, SPACE, 0.02, 16)
        assert (len(reading.samples), reading.problems) == (FRAMES, [])


def test_a_folder_on_another_disk_is_read_through_a_link(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    shutil.move(root / "data", tmp_path / "disk")
    (root / "data").symlink_to(tmp_path / "disk")
    assert len(read_all(find_recordings(root, FRONT)[0], SPACE, 0.02, 16).samples) == FRAMES


@pytest.mark.parametrize("pattern", ["../secret.parquet", "/etc/{chunk_index}", "data/../../{file_index}.parquet"])
def test_a_name_that_leads_out_is_refused(pattern: str, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", edit_info=lambda info: info.update(data_path=pattern))
    reading = read_all(find_recordings(root, FRONT)[0], SPACE, 0.02, 16)
    assert reading.samples == [] and "leads out of the dataset" in reading.problems[0].what


def test_an_image_s_name_may_not_lead_out_either(tmp_path: Path) -> None:
    def edit(rows: Rows) -> None:
        (tmp_path / "outside.png").write_bytes(rows["observation.images.front"][0]["bytes"])
        rows["observation.images.front"][5] = {"bytes": None, "path": "../outside.png"}
        rows["observation.images.front"][6] = {"bytes": None, "path": str(tmp_path / "outside.png")}

    reading = read_all(find_recordings(write_set(tmp_path / "set", edit), FRONT)[0], SPACE, 0.02, 16)
    assert len(reading.samples) == FRAMES - 2
    assert any("frame 5: no image: " in p.what and "leads out of the dataset" in p.what for p in reading.problems)


def test_a_place_that_is_missing_costs_its_episode_and_is_named(tmp_path: Path) -> None:
    def edit(rows: list[dict[str, Any]]) -> None:
        rows[1]["data/chunk_index"] = None

    recordings = find_recordings(write_set(tmp_path / "set", edit_episodes=edit), FRONT)
    good, bad = (read_all(r, SPACE, 0.02, 16) for r in recordings)
    assert len(good.samples) == FRAMES and bad.samples == []
    assert "meta/episodes: episode 1: data/chunk_index must be a number, got None" in bad.problems[0].what
    with pytest.raises(ConfigError, match="episode 1: data/chunk_index"):
        recordings[1].fingerprint()


def test_a_row_of_the_list_that_is_no_episode_is_left_out_and_said(tmp_path: Path) -> None:
    def edit(rows: list[dict[str, Any]]) -> None:
        rows[0]["length"] = None

    recordings = find_recordings(write_set(tmp_path / "set", edit_episodes=edit), FRONT)
    assert len(read_all(recordings[0], SPACE, 0.02, 16).samples) == FRAMES
    (problem,) = read_all(recordings[1], SPACE, 0.02, 16).problems
    assert problem.what.endswith("file-000.parquet, row 0: length must be a whole number >= 0, got None")


def test_a_camera_takes_the_feature_that_is_named_or_called_like_it(tmp_path: Path) -> None:
    layout = load_layout(write_set(tmp_path / "set"))
    robot = ("hand", "wrist")
    assert layout.image_feature("hand", "observation.images.wrist", robot) == "observation.images.wrist"
    assert layout.image_feature("wrist", "", robot) == "observation.images.wrist"
    for camera, wanted in (("hand", ""), ("wrist", "observation.images.back")):
        with pytest.raises(ConfigError, match=r"recording.lerobot.images of the robot file names one: \{" + camera):
            layout.image_feature(camera, wanted, robot)


def test_the_only_feature_is_the_first_camera_s_unless_it_is_called_like_another(tmp_path: Path) -> None:
    def edit(info: dict[str, Any]) -> None:
        del info["features"]["observation.images.front"]

    layout = load_layout(write_set(tmp_path / "set", edit_info=edit))
    assert layout.image_feature("head", "", ("head", "hand")) == "observation.images.wrist"
    for camera, robot in (("hand", ("head", "hand")), ("head", ("head", "wrist"))):
        with pytest.raises(ConfigError, match="needs the images of one camera"):
            layout.image_feature(camera, "", robot)


def test_a_dataset_without_episodes_or_videos_says_so(tmp_path: Path) -> None:
    (empty,) = find_recordings(write_set(tmp_path / "empty", edit_episodes=list.clear), FRONT)
    assert "list of episodes" in read_all(empty, SPACE, 0.02, 16).problems[0].what

    def edit(info: dict[str, Any]) -> None:
        info["features"]["observation.images.front"]["dtype"] = "video"

    (problem,) = read_all(find_recordings(write_set(tmp_path / "set", edit_info=edit), FRONT)[0], SPACE, 0.02, 16).problems
    assert problem.what.endswith("meta/info.json: video_path must be a pattern of file names, there is none")


@pytest.mark.parametrize(
    ("field", "given", "words"),
    [
        ("fps", None, "fps must be a finite number > 0.0, got None"),
        ("fps", float("nan"), "fps must be a finite number > 0.0, got nan"),
        ("codebase_version", 3, "codebase_version must be a text, got 3"),
        ("chunks_size", 0, "chunks_size must be a whole number >= 1, got 0"),
        ("data_path", "", "data_path must be a text that is not empty, got ''"),
        ("features", [1], "features must be a mapping, got [1]"),
    ],
)
def test_a_field_that_is_wrong_is_named(field: str, given: Any, words: str, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", edit_info=lambda info: info.update({field: given}))
    (recording,) = find_recordings(root, FRONT)
    assert read_all(recording, SPACE, 0.02, 16).problems[0].what == f"{root}/meta/info.json: {words}"
