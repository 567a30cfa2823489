"""Reading a bag: in order, with its own definitions, whatever its metadata says, and with a clear word when it cannot be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from recorder_files import INT32, Line, lines, number, value, write_db3, write_mcap, write_metadata
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.bag.messages import digest_of
from neon_control.sim.demonstration_bag import START, EpisodeRecorder


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


def test_what_was_said_last_before_a_cut_is_known(tmp_path: Path) -> None:
    with EpisodeRecorder(tmp_path / "bag") as recorder:
        for time, words in ((0.0, "first"), (0.1, "second"), (0.5, "third")):
            recorder.instruction(time, words)
        recorder.joint_states(0.6, ("a",), np.zeros(1), np.zeros(1))
    with Bag(tmp_path / "bag") as opened:
        assert opened.held(["/instruction"]) == [], "a whole bag has no before"
        opened.cut(0.3, 1.0)
        assert [(m.time - START, opened.decode(m).data) for m in opened.held(["/instruction", "/joint_states"])] == [
            (100_000_000, "second")
        ]
        assert [opened.decode(m).data for m in opened.messages(["/instruction"])] == ["third"]


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

    with pytest.raises(BagError, match=r"two: /number: has messages of several types"):
        Bag(tmp_path / "two")
    told = []
    with Bag(tmp_path / "two", lambda topic, text, time: told.append(topic)) as opened:
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


def values(path: Path, problems: list[tuple[str, str]] | None = None) -> list[int]:
    with Bag(path, None if problems is None else lambda where, text, time: problems.append((where, text))) as opened:
        return [value(m.data) for m in opened.messages(["/number"])]


WRITERS = {"sqlite3": write_db3, "mcap": write_mcap}


@pytest.fixture(params=WRITERS)
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def folder(path: Path, storage: str, *parts: list[Line]) -> list[str]:
    """A bag's folder without its metadata; returns the files' names."""
    path.mkdir()
    ending = {"sqlite3": "db3", "mcap": "mcap"}[storage]
    return [WRITERS[storage](path / f"{path.name}_{i}.{ending}", part).name for i, part in enumerate(parts)]


@pytest.mark.parametrize("qos", ["", "- history: 1", "}{", [{"history": "keep_last", "depth": 5}], None])
def test_what_the_metadata_says_of_topics_hides_no_message(qos: Any, storage: str, tmp_path: Path) -> None:
    """Editions write the QoS as a text, a list or not at all, and tools that convert bags write another one than the file has."""
    names = folder(tmp_path / "take", storage, lines(4))
    topic = {"name": "/number", "type": INT32, "serialization_format": "cdr", "type_description_hash": "RIHS01_0"}
    topics = [{"topic_metadata": topic | ({} if qos is None else {"offered_qos_profiles": qos}), "message_count": 0}]

    for version in (1, 4, 5, 9, 10, 11):
        write_metadata(tmp_path / "take", names, version=version, topics_with_message_count=topics)
        assert values(tmp_path / "take") == [0, 1, 2, 3]


def test_times_and_counts_in_the_metadata_that_are_wrong_hide_no_message(storage: str, tmp_path: Path) -> None:
    names = folder(tmp_path / "take", storage, lines(4), lines(4, 4))
    write_metadata(
        tmp_path / "take", names, starting_time={"nanoseconds_since_epoch": 2623}, duration={"nanoseconds": 411}, message_count=0
    )

    with Bag(tmp_path / "take") as opened:
        assert [value(m.data) for m in opened.messages()] == list(range(8))
        assert (opened.start, opened.end) == (0, 7 * 10**9)


def test_files_that_overlap_in_time_are_merged(storage: str, tmp_path: Path) -> None:
    names = folder(tmp_path / "take", storage, lines(8)[::2], lines(8)[1::2])
    write_metadata(tmp_path / "take", [f"take/{n}" for n in names])  # as the first editions wrote it

    assert values(tmp_path / "take") == list(range(8))


@pytest.mark.parametrize("named", [str, lambda name: f"{name}.zstd"], ids=["named plain", "named compressed"])
def test_compressed_files_are_read_and_so_is_the_last_one_that_its_recorder_did_not_compress(
    named: Callable[[str], str], storage: str, tmp_path: Path
) -> None:
    names = folder(tmp_path / "take", storage, lines(4), lines(4, 4))
    first = tmp_path / "take" / names[0]
    (tmp_path / "take" / f"{names[0]}.zstd").write_bytes(zstandard.compress(first.read_bytes()))
    first.unlink()
    write_metadata(tmp_path / "take", [named(n) for n in names], compression_format="zstd", compression_mode="FILE")

    assert values(tmp_path / "take") == list(range(8))
    assert values(tmp_path / "take" / f"{names[0]}.zstd") == [0, 1, 2, 3]


def test_a_compressed_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plain = write_mcap(tmp_path / "plain.mcap", [Line("/number", i, number(i) + rng.bytes(5000)) for i in range(200)], chunk_size=20_000)
    packed = zstandard.compress(plain.read_bytes())
    (tmp_path / "take_0.mcap.zstd").write_bytes(packed[: len(packed) // 2])
    problems: list[tuple[str, str]] = []

    found = values(tmp_path / "take_0.mcap.zstd", problems)

    assert 50 < len(found) < 150 and found == list(range(len(found)))
    assert problems[-1] == ("", "it was cut off: what was recorded after this time is lost")


def test_compressed_messages_are_recognised_by_themselves_and_a_damaged_one_is_named(storage: str, tmp_path: Path) -> None:
    packed = [m._replace(data=zstandard.compress(m.data)) for m in lines(4)]
    packed[2] = packed[2]._replace(data=packed[2].data[:-3])
    (name,) = folder(tmp_path / "take", storage, packed)
    problems: list[tuple[str, str]] = []

    assert values(tmp_path / "take" / name, problems) == [0, 1, 3]
    assert [where for where, _ in problems] == ["/number"] and "a message cannot be decompressed" in problems[0][1]


def test_without_metadata_the_files_are_read_in_the_order_of_their_numbers(storage: str, tmp_path: Path) -> None:
    folder(tmp_path / "take", storage, *[lines(1, i) for i in range(12)])
    problems: list[tuple[str, str]] = []

    assert values(tmp_path / "take", problems) == list(range(12))
    ((where, text),) = problems
    assert where == "" and text.startswith("has no metadata.yaml: its recorder was cut off; read are ['take_0.") and "take_9." in text
    assert text.index("take_9.") < text.index("take_10.")
    with pytest.raises(BagError, match=r"has no metadata\.yaml"):
        Bag(tmp_path / "take")


def test_a_file_that_was_renamed_is_read_and_one_that_is_missing_is_named(storage: str, tmp_path: Path) -> None:
    names = folder(tmp_path / "take", storage, lines(2), lines(2, 2))
    write_metadata(tmp_path / "take", names)
    (tmp_path / "take" / names[0]).unlink()
    problems: list[tuple[str, str]] = []
    assert values(tmp_path / "take", problems) == [2, 3]
    assert problems == [("", f"metadata.yaml names ['{names[0]}'], which are not there; read are ['{names[1]}']")]

    problems.clear()
    ending = Path(names[1]).suffix
    (tmp_path / "take" / names[1]).rename(tmp_path / "take" / f"monday{ending}")
    assert values(tmp_path / "take", problems) == [2, 3]
    assert problems == [("", f"metadata.yaml names {names}, which are not there; read are ['monday{ending}']")]


def test_files_of_several_recordings_are_not_mixed(tmp_path: Path) -> None:
    folder(tmp_path / "take", "mcap", lines(2))
    write_mcap(tmp_path / "take" / "other_0.mcap", lines(2))

    with pytest.raises(
        BagError, match=r"has no metadata\.yaml: its recorder was cut off, and the folder holds files of several recordings"
    ):
        Bag(tmp_path / "take", lambda where, text, time: None)


def test_metadata_alone_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "take").mkdir()
    write_metadata(tmp_path / "take", ["take_0.mcap"])

    with pytest.raises(BagError, match=r"has \['metadata\.yaml'\]; metadata\.yaml alone is none: copy the files that it names too"):
        Bag(tmp_path / "take")


def test_one_damaged_file_costs_itself(storage: str, tmp_path: Path) -> None:
    names = folder(tmp_path / "take", storage, lines(2), lines(2, 2), lines(2, 4))
    write_metadata(tmp_path / "take", names)
    (tmp_path / "take" / names[1]).write_bytes(b"\0" * 5000)
    problems: list[tuple[str, str]] = []

    assert values(tmp_path / "take", problems) == [0, 1, 4, 5]
    assert [where for where, _ in problems] == [names[1]] and problems[0][1].startswith("cannot be read: ")
    with pytest.raises(BagError, match=rf"{names[1]}: cannot be read"):
        Bag(tmp_path / "take")


def test_types_are_named_in_full_where_an_old_or_foreign_recorder_shortened_them(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "take_0.mcap", [m._replace(type="std_msgs/Int32") for m in lines(2)])

    with Bag(path) as opened:
        assert opened.topics["/number"].type == INT32
        assert [opened.decode(m).data for m in opened.messages()] == [0, 1]


def test_another_edition_of_a_known_type_is_noticed_by_the_bag_s_definition_where_it_tells_no_hash(tmp_path: Path) -> None:
    """Humble's mcap files; sensor_msgs/Range has got a field since."""
    parts = [
        "std_msgs/Header header\nuint8 ULTRASOUND=0\nuint8 radiation_type\nfloat32 field_of_view\nfloat32 low\nfloat32 high\nfloat32 range",
        "MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id",
        "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec",
    ]
    text = f"\n{'=' * 80}\n".join(parts)
    stamp = bytes(8)
    data = b"\x00\x01\x00\x00" + stamp + b"\x02\x00\x00\x00a\x00" + b"\x01\x00" + np.array([0.1, 0.2, 3.0, 1.5], "<f4").tobytes()
    kind = "sensor_msgs/msg/Range"
    path = write_mcap(tmp_path / "take_0.mcap", [Line("/range", 0, data, kind)], {kind: ("ros2msg", text)})

    with Bag(path) as opened:
        assert opened.decode(next(opened.messages())).range == 1.5
        assert digest_of(kind, opened.topics["/range"].definition) not in ("", get_typestore(Stores.ROS2_JAZZY).hash_rihs01(kind))


def test_a_type_that_the_recorder_defined_in_idl_is_read(tmp_path: Path) -> None:
    parts = {
        "vendor_msgs/msg/Level": "module vendor_msgs { module msg { struct Level { vendor_msgs::msg::Unit unit; uint8 level; }; }; };",
        "vendor_msgs/msg/Unit": "module vendor_msgs { module msg { struct Unit { uint8 code; }; }; };",
    }
    text = "\n".join(f"{'=' * 80}\nIDL: {name}\n{body}" for name, body in parts.items())
    line = Line("/level", 0, b"\x00\x01\x00\x00\x03\x07", "vendor_msgs/msg/Level")
    path = write_mcap(tmp_path / "take_0.mcap", [line], {line.type: ("ros2idl", text)})

    with Bag(path) as opened:
        message = opened.decode(next(opened.messages()))
    assert (message.unit.code, message.level) == (3, 7)
