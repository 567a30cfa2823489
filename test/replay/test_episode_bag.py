"""A bag of an episode is one that others read, and is readable wherever its recorder was killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.rosbag2 import Reader

from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.bag.making import text
from neon_control.recordings.bag.message_types import find_definition
from neon_control.recordings.episode import RECORDING, SUCCESS, Episode, episode_of
from neon_control.replay.episode_bag import EpisodeBag, Part
from neon_control.replay.open_bag import Kind, OpenBag

KIND = Kind("std_msgs/msg/String", *find_definition("std_msgs/msg/String"), ())
STATE = "/episode/state"


def part(folder: Path, name: str, topic: str, times: range) -> Part:
    """A closed file, as the ring hands it over."""
    bag, file = OpenBag(folder / name), folder / f"{name}.ring"
    bag.move_file(file)
    for time in times:
        bag.write(topic, KIND, time, text(str(time)))
    return Part(file, bag.close_part())


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int, int, Path]:
    """A file of which the recorder was killed, and its length when the episode had begun, and when its outcome had been said."""
    folder = tmp_path_factory.mktemp("cut")
    bag = EpisodeBag(folder / "episode_00001", folder / "own")
    file = folder / "episode_00001" / "episode_00001_0.mcap"
    bag.write(STATE, KIND, 1, text(Episode(RECORDING, 1, task="wave").to_json()))
    bag.flush()
    begun = file.stat().st_size
    for time in range(2, 40):
        bag.write("/words", KIND, time, text("x" * 50))
        if time % 10 == 0:
            bag.flush()
    bag.write(STATE, KIND, 40, text(Episode(number=1, task="wave", outcome=SUCCESS).to_json()))
    bag.flush(to_disk=True)
    return file.read_bytes(), begun, file.stat().st_size, folder


@given(st.data())
def test_wherever_a_kill_cuts_it_off_it_says_what_had_been_said(cut_off: tuple[bytes, int, int, Path], data: st.DataObject) -> None:
    whole, begun, said, folder = cut_off
    length = data.draw(st.integers(begun, said))
    file = folder / "cut.mcap"
    file.write_bytes(whole[:length])
    with Bag(file, lambda *_: None) as bag:
        found = episode_of(bag)
    assert found is not None and found.task == "wave"
    assert found.outcome == SUCCESS if length == said else found.outcome in ("", SUCCESS)


def test_parts_from_before_and_what_is_written_now_are_one_bag_for_another_s_reader(tmp_path: Path) -> None:
    parts = [part(tmp_path, "a", "/old", range(10, 20)), part(tmp_path, "b", "/words", range(20, 30))]
    bag = EpisodeBag(tmp_path / "episode_00001", tmp_path / "own", parts)
    bag.write("/words", KIND, 35, text("now"))
    bag.note("key", "grüße: ja")
    bag.close()
    with Reader(tmp_path / "episode_00001") as reader:
        assert [time for _, time, _ in reader.messages()] == [*range(10, 30), 35]
        assert (reader.message_count, reader.start_time, reader.duration) == (21, 10, 26)  # theirs counts the last instant
        assert {c.topic: c.msgcount for c in reader.connections} == {"/old": 10, "/words": 11}
    with Bag(tmp_path / "episode_00001") as ours:
        assert ours.custom == {"key": "grüße: ja"} and (ours.start, ours.end) == (10, 35)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="cannot begin"):
        EpisodeBag(tmp_path, tmp_path / "own")
