"""Files of the storage sqlite3, as recorders of all years wrote them, whole or left by one that died."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from recorder_files import EDITIONS, INT32, INT32_HASH, JAZZY, Line, fill, lines, number, value, write_db3

from neon_control.recordings.bag.bag_file import Bag, BagError


def read(path: Path, problems: list[str] | None = None) -> list[int]:
    with Bag(path, None if problems is None else lambda where, text, time: problems.append(text)) as bag:
        return [value(m.data) for m in bag.messages(["/number"])]


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_tables_of_every_edition_are_read(edition: str, tmp_path: Path) -> None:
    path = write_db3(tmp_path / "take_0.db3", lines(3), edition)

    assert read(path) == [0, 1, 2]
    with Bag(path) as bag:
        topic = bag.topics["/number"]
        assert (topic.type, topic.count, len(topic.qos)) == (INT32, 3, 0 if edition == "crystal" else 1)
        assert topic.digest == (INT32_HASH if edition == "jazzy" else "")
        assert [bag.decode(m).data for m in bag.messages()] == [0, 1, 2]
        assert (bag.start, bag.end) == (0, 2 * 10**9)


def test_messages_come_in_the_order_of_time_and_topics_without_messages_are_no_topics(tmp_path: Path) -> None:
    path = write_db3(tmp_path / "take_0.db3", lines(5)[::-1])
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO topics SELECT 9, '/silent', type, serialization_format, '', '' FROM topics")

    assert read(path) == [0, 1, 2, 3, 4]
    with Bag(path) as bag:
        assert list(bag.topics) == ["/number"]


@pytest.mark.parametrize("encoding", ["unknown", ""])
def test_a_type_that_the_recorder_could_not_define_hides_no_other_topic(encoding: str, tmp_path: Path) -> None:
    # What it writes for events of services whose types need no other types, std_srvs/Trigger for example.
    event = Line("/reset/_service_event", 0, b"\x00\x01\x00\x00", "std_srvs/srv/Trigger_Event")
    definitions = {
        event.type: (encoding, "===\nSRV: std_srvs/srv/Trigger\n---\nbool success\nstring message\n"),
        INT32: ("ros2msg", "int32 data\n"),
    }

    assert read(write_db3(tmp_path / "take_0.db3", [event, *lines(3)], definitions=definitions)) == [0, 1, 2]


def test_what_a_recorder_that_died_left_in_its_log_is_read_and_stays_where_it_is(tmp_path: Path) -> None:
    """The preset `resilient`, and Foxy's default."""
    database = sqlite3.connect(tmp_path / "alive.db3")
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(JAZZY)
    fill(database, lines(4))
    database.commit()
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", "-wal"):
        shutil.copyfile(tmp_path / f"alive.db3{ending}", left / f"take_0.db3{ending}")
    database.close()
    before = {f.name: f.read_bytes() for f in left.iterdir()}

    assert read(left / "take_0.db3") == [0, 1, 2, 3]
    assert {f.name: f.read_bytes() for f in left.iterdir()} == before


def test_what_a_recorder_that_died_had_written_by_half_is_taken_back(tmp_path: Path) -> None:
    path = write_db3(tmp_path / "alive.db3", lines(4))
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "cache_size=1"):  # so that it must write before it is told that all is there
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    fill(database, [Line("/other", 10**12 + i, number(i) + bytes(4000)) for i in range(100)])
    left = tmp_path / "left"
    left.mkdir()
    for ending in ("", "-journal"):
        shutil.copyfile(f"{path}{ending}", left / f"take_0.db3{ending}")
    database.close()

    with Bag(left / "take_0.db3") as bag:
        assert [m.topic for m in bag.messages()] == ["/number"] * 4


@pytest.mark.parametrize("name", ["take #1", "50% done", "who?", "a take"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()

    assert read(write_db3(folder / "take_0.db3", lines(2))) == [0, 1]


def test_a_file_that_ends_early_gives_what_is_whole_or_says_that_it_cannot_be_read(tmp_path: Path) -> None:
    messages = [Line("/number", i, number(i) + bytes(2000)) for i in range(50)]
    path = write_db3(tmp_path / "take_0.db3", messages)
    path.write_bytes(path.read_bytes()[: 60 * 1024])

    with pytest.raises(BagError, match=r"take_0.db3: cannot be read: DatabaseError: database disk image is malformed"):
        Bag(path)


def test_rows_that_are_no_messages_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write_db3(tmp_path / "take_0.db3", lines(4))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE messages SET timestamp = 'yesterday' WHERE id = 2")
        database.execute("UPDATE messages SET data = 7 WHERE id = 3")
    problems: list[str] = []

    assert read(path, problems) == [0, 3]
    assert problems == [
        "1 messages are damaged, and left out: they have no time",
        "a message is damaged, and left out: it has no content",
    ]


READ = """
import resource, sys
from pathlib import Path
from neon_control.recordings.bag.bag_file import Bag
with Bag(Path(sys.argv[1])) as bag:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(1 for _ in bag.messages())
    print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("index", [True, False], ids=["with an index of times", "without one"])
def test_messages_are_not_all_in_memory_at_once(index: bool, tmp_path: Path) -> None:
    path = write_db3(tmp_path / "take_0.db3", [Line("/number", 100 - i, number(i) + bytes(10**6)) for i in range(80)])
    if not index:
        with sqlite3.connect(path) as database:
            database.execute("DROP INDEX timestamp_idx")

    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)

    count, kilobytes = map(int, done.stdout.split())
    assert count == 80 and kilobytes < 20_000, "of 80 MB"


def test_a_database_of_something_else_is_called_that(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mail.db3") as database:
        database.execute("CREATE TABLE mail(id)")

    with pytest.raises(BagError, match=r"mail\.db3: cannot be read: ValueError: it has no tables 'topics' and 'messages'"):
        Bag(tmp_path / "mail.db3")


ENDLESS = (
    "WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c) SELECT id, 1 AS topic_id, id AS timestamp, x'00' AS data FROM c"
)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (f"CREATE VIEW messages AS {ENDLESS}", "'messages' is a view, so it is no rosbag2"),
        ("CREATE TABLE messages(id, topic_id, timestamp, data AS (zeroblob(900000000)))", "'messages' is computed"),
    ],
)
@pytest.mark.timeout(20)
def test_messages_that_are_computed_are_refused(messages: str, message: str, tmp_path: Path) -> None:
    """The wound: a view without end was counted for ever."""
    path = write_db3(tmp_path / "take_0.db3", lines(3))
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE messages")
        database.execute(messages)
    with pytest.raises(BagError, match=rf"take_0\.db3: .*{message}"):
        Bag(path)


@pytest.mark.timeout(30)
def test_pages_that_refer_to_each_other_end(tmp_path: Path) -> None:
    """Twelve pages, each of which has the next one as all of its children, are more rows than can be counted."""
    path = write_db3(tmp_path / "take_0.db3", lines(2000))
    with sqlite3.connect(path) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    level, leaf = (root - 1) * size, 0
    cells = int.from_bytes(content[level + 3 : level + 5], "big")
    places = [level + int.from_bytes(content[level + 12 + 2 * i : level + 14 + 2 * i], "big") for i in range(cells)]
    leaf = int.from_bytes(content[places[0] : places[0] + 4], "big")
    pages = [int.from_bytes(content[p : p + 4], "big") for p in places]
    chain = [page for page in pages if page != leaf][:12]
    root_page = bytes(content[level : level + size])
    for page, child in zip([root, *chain], [*chain, leaf], strict=True):
        copy = bytearray(root_page)
        for place in places:
            copy[place - level : place - level + 4] = child.to_bytes(4, "big")
        copy[8:12] = child.to_bytes(4, "big")
        content[(page - 1) * size : page * size] = copy
    path.write_bytes(content)
    with pytest.raises(BagError, match=r"interrupted|malformed"):
        Bag(path)
