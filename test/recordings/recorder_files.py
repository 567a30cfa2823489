"""Writes storage files and metadata as the real rosbag2 recorder does, edition by edition; `rosbags` writes the newest one only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from mcap.writer import CompressionType, Writer

# The tables of each edition, in the words of its recorder.
CRYSTAL = """
CREATE TABLE topics(id INTEGER PRIMARY KEY,name TEXT NOT NULL,type TEXT NOT NULL,serialization_format TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY,topic_id INTEGER NOT NULL,timestamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
"""
FOXY = CRYSTAL.replace("serialization_format TEXT NOT NULL", "serialization_format TEXT NOT NULL,offered_qos_profiles TEXT NOT NULL")
HUMBLE = (
    FOXY
    + """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY,ros_distro TEXT NOT NULL);
CREATE TABLE metadata(id INTEGER PRIMARY KEY,metadata_version INTEGER NOT NULL,metadata TEXT NOT NULL);
INSERT INTO schema(schema_version, ros_distro) VALUES (3, 'humble');
"""
)
JAZZY = (
    HUMBLE.replace("(3, 'humble')", "(4, 'jazzy')").replace(
        "offered_qos_profiles TEXT NOT NULL", "offered_qos_profiles TEXT NOT NULL,type_description_hash TEXT NOT NULL"
    )
    + """
CREATE TABLE message_definitions(id INTEGER PRIMARY KEY,topic_type TEXT NOT NULL,encoding TEXT NOT NULL,
encoded_message_definition TEXT NOT NULL,type_description_hash TEXT NOT NULL);
"""
)
EDITIONS = {"crystal": CRYSTAL, "foxy": FOXY, "humble": HUMBLE, "jazzy": JAZZY}
QOS = """- history: 3
  depth: 0
  reliability: 1
  durability: 2
  deadline: {sec: 2147483647, nsec: 4294967295}
  lifespan: {sec: 2147483647, nsec: 4294967295}
  liveliness: 1
  liveliness_lease_duration: {sec: 2147483647, nsec: 4294967295}
  avoid_ros_namespace_conventions: false"""
INT32 = "std_msgs/msg/Int32"
INT32_HASH = "RIHS01_b6578ded3c58c626cfe8d1a6fb6e04f706f97e9f03d2727c9ff4e74b1cef0deb"


class Line(NamedTuple):
    """One message."""

    topic: str
    time: int  # [ns]
    data: bytes
    type: str = INT32


def number(value: int) -> bytes:
    """A std_msgs/Int32 over the wire."""
    return b"\x00\x01\x00\x00" + value.to_bytes(4, "little")


def value(data: bytes) -> int:
    """The other way round."""
    return int.from_bytes(data[4:8], "little")


def lines(count: int, start: int = 0, topic: str = "/number") -> list[Line]:
    """Messages 0, 1, 2, ... from `start` on, one a second."""
    return [Line(topic, (start + i) * 10**9, number(start + i)) for i in range(count)]


def fill(database: sqlite3.Connection, messages: Sequence[Line], definitions: dict[str, tuple[str, str]] | None = None) -> None:
    """Add topics and messages to the tables of any edition."""
    columns = [row[1] for row in database.execute("PRAGMA table_info(topics)")][1:]
    for name, kind in dict.fromkeys((m.topic, m.type) for m in messages):
        known = {
            "name": name,
            "type": kind,
            "serialization_format": "cdr",
            "offered_qos_profiles": QOS,
            "type_description_hash": INT32_HASH,
        }
        values = [known[c] if kind == INT32 or c != "type_description_hash" else "" for c in columns]
        database.execute(f"INSERT INTO topics({','.join(columns)}) VALUES ({','.join('?' * len(columns))})", values)
    ids = {(name, kind): number for number, name, kind in database.execute("SELECT id, name, type FROM topics")}
    for m in messages:
        database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", (ids[m.topic, m.type], m.time, m.data))
    for kind, (encoding, text) in (definitions or {}).items():
        row = (kind, encoding, text, "")
        columns = "topic_type, encoding, encoded_message_definition, type_description_hash"
        database.execute(f"INSERT INTO message_definitions({columns}) VALUES (?, ?, ?, ?)", row)


def write_db3(path: Path, messages: Sequence[Line], edition: str = "jazzy", definitions: dict[str, tuple[str, str]] | None = None) -> Path:
    """A file of the storage sqlite3."""
    database = sqlite3.connect(path)
    database.executescript(EDITIONS[edition])
    fill(database, messages, definitions)
    database.commit()
    database.close()
    return path


def write_mcap(
    path: Path,
    messages: Sequence[Line],
    definitions: dict[str, tuple[str, str]] | None = None,
    compression: CompressionType = CompressionType.NONE,
    **options: Any,
) -> Path:
    """A file of the storage mcap; `options` are those of `mcap.writer.Writer`. A type is "int32 data" where nothing else is said."""
    writer = Writer(str(path), compression=compression, **options)
    writer.start(profile="ros2", library="libmcap 1.3.0")
    schemas: dict[str, int] = {}
    channels: dict[tuple[str, str], int] = {}
    for m in messages:
        if m.type not in schemas:
            encoding, text = (definitions or {}).get(m.type, ("ros2msg", "int32 data\n"))
            schemas[m.type] = writer.register_schema(m.type, encoding, text.encode())
        if (m.topic, m.type) not in channels:
            channels[m.topic, m.type] = writer.register_channel(m.topic, "cdr", schemas[m.type], {"offered_qos_profiles": QOS})
        writer.add_message(channels[m.topic, m.type], m.time, m.data, m.time)
    writer.finish()
    return path


def write_metadata(folder: Path, files: Sequence[str], **changes: Any) -> None:
    """metadata.yaml of a bag whose files are there; `changes` are of its fields."""
    information = {
        "version": 5,
        "storage_identifier": "mcap",
        "relative_file_paths": list(files),
        "duration": {"nanoseconds": 10**9},
        "starting_time": {"nanoseconds_since_epoch": 0},
        "message_count": 1,
        "topics_with_message_count": [],
        "compression_format": "",
        "compression_mode": "",
        **changes,
    }
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": information}))
