"""Broken files cost themselves only, and are named; `find_recordings` finds what is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from bag_writer import BagWriter, image, joint_state, position_command
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import StoragePlugin
from whole_recording import Reading, read_all

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.recording_names import CommandTopic, RecordingConfig
from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.finding import Recording, find_recordings

NAMES = ("joint0", "joint1")
SPACE = ActionSpace("arms_only", NAMES, {"arms": slice(0, 2)}, -np.ones(2), np.ones(2))
CONFIG = RecordingConfig(commands=(CommandTopic("arm/commands", NAMES),), audio="")


def write(path: Path, start: float = 0.0, storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """One second with an image every 0.1 s."""
    with BagWriter(path, storage) as bag:
        for tick in range(100):
            t = start + tick / 100
            bag.write("joint_states", t, joint_state(t, NAMES, [t, t]))
            bag.write("arm/commands", t, position_command([t, t]))
            if tick % 10 == 0:
                bag.write("camera/image_raw", t, image(t, np.full((64, 64, 3), tick, np.uint8)))
    return path


def write_split(path: Path) -> Path:
    """A bag of two files, as a recorder writes it with a limit of size."""
    for i in range(2):
        write(path.parent / f"part{i}", float(i))
    path.mkdir()
    data = [yaml.safe_load((path.parent / f"part{i}" / "metadata.yaml").read_text()) for i in range(2)]
    information = data[0]["rosbag2_bagfile_information"]
    second = data[1]["rosbag2_bagfile_information"]
    information["relative_file_paths"] += second["relative_file_paths"]
    information["duration"]["nanoseconds"] += 10**9
    information["message_count"] += second["message_count"]
    (path / "metadata.yaml").write_text(yaml.safe_dump(data[0]))
    for i in range(2):
        shutil.move(path.parent / f"part{i}" / f"part{i}.mcap", path / f"part{i}.mcap")
        shutil.rmtree(path.parent / f"part{i}")
    return path


def cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 3])


def read(recording: Recording) -> Reading:
    return read_all(recording, SPACE, 0.02, 16)


def the_one(root: Path) -> Recording:
    (recording,) = find_recordings(root, CONFIG)
    return recording


def test_of_a_split_bag_whose_last_file_has_no_end_all_that_is_whole_is_read(tmp_path: Path) -> None:
    path = write_split(tmp_path / "bag")
    assert len(read(the_one(path)).samples) == 20
    cut(path / "part1.mcap")
    reading = read(the_one(path))
    assert 10 < len(reading.samples) < 20
    cut_off = reading.problems[0]
    assert (cut_off.where, cut_off.what) == ("bag/part1.mcap", "it was cut off: what was recorded after this time is lost")
    assert cut_off.time == pytest.approx(len(reading.samples) * 0.1, abs=0.1)


def test_a_truncated_mcap_is_read_up_to_there_and_reported_by_file_and_time(tmp_path: Path) -> None:
    with (tmp_path / "whole.mcap").open("wb") as stream:
        writer = McapWriter(stream, chunk_size=20_000, compression=CompressionType.NONE)
        writer.start(profile="ros2")
        channels: dict[str, int] = {}
        with Bag(write(tmp_path / "bag")) as bag:
            for message in bag.messages():
                if message.topic not in channels:
                    definition = bag.topics[message.topic].definition
                    schema = writer.register_schema(message.type, definition.encoding, definition.text.encode())
                    channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
                writer.add_message(channels[message.topic], message.time, message.data, message.time)
        writer.finish()
    (tmp_path / "whole.mcap").rename(tmp_path / "take.mcap")
    cut(tmp_path / "take.mcap")
    reading = read(the_one(tmp_path / "take.mcap"))
    assert 3 <= len(reading.samples) < 10
    cut_off = next(p for p in reading.problems if "cut off" in p.what)
    assert cut_off.where == "take.mcap" and cut_off.time == pytest.approx(len(reading.samples) * 0.1 - 0.1, abs=0.1)


def test_a_bag_of_which_nothing_is_whole_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", storage=StoragePlugin.SQLITE3)
    cut(path / "bag.db3")
    reading = read(the_one(path))
    assert reading.samples == []
    assert "cannot be read: DatabaseError: database disk image is malformed" in reading.problems[0].what


@pytest.mark.parametrize("content", ["", "rosbag2_bagfile_information: {version: 9}", "{[", "rosbag2_bagfile_information: 5"])
def test_damaged_metadata_is_reported_and_the_files_are_read_without_it(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / "bag")
    (path / "metadata.yaml").write_text(content)
    reading = read(the_one(path))
    assert len(reading.samples) == 10
    (problem,) = reading.problems
    assert problem.where == "bag/metadata.yaml" and problem.what.startswith("cannot be read: ")


def test_a_file_whose_recorder_died_before_it_wrote_the_metadata_is_read_by_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "bag")
    (path / "metadata.yaml").unlink()
    recording = the_one(tmp_path)
    assert recording.path == path / "bag.mcap"
    assert len(read(recording).samples) == 10


def test_files_of_one_recording_without_metadata_are_read_as_one_and_others_by_themselves(tmp_path: Path) -> None:
    split = tmp_path / "bag"
    split.mkdir()
    for i in range(2):
        shutil.move(write(tmp_path / f"part{i}", float(i)) / f"part{i}.mcap", split / f"bag_{i}.mcap")
        shutil.rmtree(tmp_path / f"part{i}")
    reading = read(the_one(tmp_path))
    assert len(reading.samples) == 20
    assert reading.problems[0].what.startswith("has no metadata.yaml: its recorder was cut off")
    split.rename(tmp_path / "takes")
    assert [r.name for r in find_recordings(tmp_path, CONFIG)] == ["bag_0.mcap", "bag_1.mcap"]


def test_an_empty_bag_is_reported(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag"):
        pass
    reading = read(the_one(tmp_path))
    assert reading.samples == [] and reading.problems[0].what == "no messages"


def test_bags_are_found_at_any_depth_in_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/late", "a/early", "a/later"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name)
    assert [r.name for r in find_recordings(tmp_path)] == ["early", "later", "late"]
    assert [r.name for r in find_recordings([tmp_path / "b", tmp_path / "a" / "early"])] == ["early", "late"]
    with pytest.raises(ConfigError, match=r"no such file or folder: .*nowhere"):
        find_recordings([tmp_path / "a", tmp_path / "nowhere"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match=r"no recordings in .*nothing; `neon_control collect"):
        find_recordings(tmp_path / "nothing")


def test_bags_behind_links_are_found_once_and_circles_do_no_harm(tmp_path: Path) -> None:
    for folder in ("here/a", "elsewhere/b"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "metadata.yaml").touch()
    here = tmp_path / "here"
    for name, target in (("circle", here), ("day_1", tmp_path / "elsewhere"), ("day_2", tmp_path / "elsewhere")):
        (here / name).symlink_to(target)
    assert [r.path for r in find_recordings(here)] == [here / "a", here / "day_1" / "b"]


def test_a_fingerprint_is_that_of_the_content_and_of_what_is_read_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "bag")
    first = the_one(path).fingerprint()
    (path / "samples-of-somebody.safetensors").write_text("a cache beside it changes nothing")
    assert the_one(path).fingerprint() == first
    (other,) = find_recordings(path, RecordingConfig(camera="head/image"))
    assert other.fingerprint() != first
    file = path / "bag.mcap"
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
    assert the_one(path).fingerprint() != first
