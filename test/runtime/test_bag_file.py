"""Reading a bag: in order, with its own definitions, and with a clear word when it cannot be read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from neon_control.runtime.bag_file import Bag, BagError
from neon_control.sim.recording import START, EpisodeRecorder


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Two topics whose messages were not written in the order of their times."""
    path = tmp_path / "bag"
    with EpisodeRecorder(path) as recorder:
        recorder.joint_states(0.02, ("a", "b"), np.array([3.0, 4.0]), np.zeros(2))
        recorder.audio(0.03, np.arange(5, dtype=np.int16))
        recorder.joint_states(0.01, ("a", "b"), np.array([1.0, 2.0]), np.zeros(2))
    return path


def write(path: Path, kind: str, text: str, data: bytes, digest: str | None = None) -> None:
    """A bag of one message whose type is described in the bag itself."""
    types = get_typestore(Stores.EMPTY)
    types.register(get_types_from_msg(text, kind))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/topic", kind, msgdef=text, rihs01=digest or types.hash_rihs01(kind))
        writer.write(connection, 1, data)


def test_messages_come_in_the_order_of_time_whatever_order_they_were_written_in(bag: Path) -> None:
    with Bag(bag) as opened:
        messages = list(opened.messages())

        assert [m.time - START for m in messages] == [10_000_000, 20_000_000, 30_000_000]
        assert (opened.start, opened.end) == (messages[0].time, messages[-1].time)
        assert list(opened.decode(messages[0]).position) == [1.0, 2.0]
        assert opened.topics["/joint_states"].count == 2


def test_topics_and_a_span_of_time_can_be_chosen(bag: Path) -> None:
    with Bag(bag) as opened:
        opened.cut(0.005, 0.01)
        assert [m.time - START for m in opened.messages(["/joint_states"])] == [20_000_000]
        assert (opened.start - START, opened.end - START) == (15_000_000, 25_000_000)
        with pytest.raises(BagError, match=r"lasts 0\.01 s, asked to start at 3 s"):
            opened.cut(3.0, 1.0)


def test_a_bag_that_was_cut_off_is_refused_with_the_remedy(bag: Path) -> None:
    (bag / "metadata.yaml").unlink()

    with pytest.raises(BagError, match=r"no metadata\.yaml.*ros2 bag reindex"):
        Bag(bag)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="nothing_here"):
        Bag(tmp_path / "nothing_here")


def test_a_type_that_only_the_bag_knows_is_read_by_the_bag_s_definition(tmp_path: Path) -> None:
    write(tmp_path / "own", "vendor_msgs/msg/Level", "uint8 level\n", b"\x00\x01\x00\x00\x07")

    with Bag(tmp_path / "own") as opened:
        assert opened.decode(next(opened.messages())).level == 7


def test_another_edition_of_a_known_type_is_read_as_the_bag_defines_it(tmp_path: Path) -> None:
    write(tmp_path / "old", "std_msgs/msg/String", "uint32 data\n", b"\x00\x01\x00\x00\x07\x00\x00\x00")

    with Bag(tmp_path / "old") as opened:
        assert opened.decode(next(opened.messages())).data == 7


def test_another_edition_of_a_known_type_that_the_bag_does_not_define_is_refused_instead_of_misread(tmp_path: Path) -> None:
    with Writer(tmp_path / "old", version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection("/topic", "std_msgs/msg/String", msgdef="string data\n", rihs01="RIHS01_" + 64 * "0")
        writer.write(connection, 1, b"\x00\x01\x00\x00\x02\x00\x00\x00a\x00")
    with sqlite3.connect(tmp_path / "old" / "old.db3") as database:
        database.execute("DELETE FROM message_definitions")

    with Bag(tmp_path / "old") as opened, pytest.raises(BagError, match=r"topic /topic has the type std_msgs/msg/String.*not known here"):
        opened.decode(next(opened.messages()))


def test_two_types_on_one_topic_are_refused_unless_the_caller_takes_one_of_them(tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "two", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for kind in ("std_msgs/msg/Int32", "std_msgs/msg/UInt32"):
            writer.write(writer.add_connection("/number", kind, typestore=types), 1, b"\x00\x01\x00\x00\x07\x00\x00\x00")

    with pytest.raises(BagError, match=r"topic /number has messages of several types"):
        Bag(tmp_path / "two")
    told = []
    with Bag(tmp_path / "two", lambda topic, text: told.append(topic)) as opened:
        assert [m.type for m in opened.messages()] == [opened.topics["/number"].type]
    assert told == ["/number"]


def test_a_damaged_message_is_named_with_topic_and_time(tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    text, digest = types.generate_msgdef("sensor_msgs/msg/JointState", ros_version=2)[0], types.hash_rihs01("sensor_msgs/msg/JointState")
    with Writer(tmp_path / "cut", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", msgdef=text, rihs01=digest)
        writer.write(connection, 5, b"\x00\x01\x00\x00\x07\x00")

    with Bag(tmp_path / "cut") as opened, pytest.raises(BagError, match="/joint_states at 5 ns"):
        opened.decode(next(opened.messages()))


def test_a_message_with_the_padding_that_rclpy_leaves_behind_is_read(tmp_path: Path) -> None:
    # The executor's trajectories, recorded from the wire, end with 16 bytes that mean nothing.
    with Writer(tmp_path / "padded", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/number", "std_msgs/msg/Int32", typestore=get_typestore(Stores.ROS2_JAZZY))
        writer.write(connection, 1, b"\x00\x01\x00\x00\x07\x00\x00\x00" + 16 * b"\x63")

    with Bag(tmp_path / "padded") as opened:
        assert opened.decode(next(opened.messages())).data == 7
