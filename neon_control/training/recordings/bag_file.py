"""A rosbag2 on disk: connections and messages, by the library `rosbags`, with what is broken left out and reported."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from neon_control.training.recordings.reading import Report

METADATA = "metadata.yaml"
STORAGES = (".mcap", ".db3")
SERVICE_EVENT = "service_msgs/msg/ServiceEventInfo"  # with which every service event begins
ENDIANS = (b"\x00\x00", b"\x00\x01")  # CDR's first bytes: big, little


class Bag:
    """An open bag."""

    def __init__(self, reader: Reader, name: str, report: Report) -> None:
        self.start, self.end = reader.start_time, reader.end_time  # [ns] receive times of the first and after the last message
        self.topics: dict[str, Connection] = {}
        for connection in reader.connections:
            known = self.topics.setdefault(connection.topic.lstrip("/"), connection)
            if known.msgtype != connection.msgtype:
                report.add(f"{name} {connection.topic}", None, f"has messages of type {connection.msgtype} too, which are left out")
        if self.end <= self.start:
            report.add(name, None, "no messages")
            self.start = self.end
        self._reader = reader
        self._name = name
        self._report = report

    def messages(self, topics: Sequence[str], skip: Collection[str] = ()) -> Iterator[tuple[str, int, Any]]:
        """Topic, receive time [ns] and message, in order of receive times. What cannot be read is reported.

        A topic that the caller adds to `skip` meanwhile is no longer read.
        """
        connections, stores = [], {}
        for topic in topics:
            connection = self.topics[topic]
            try:
                stores[topic] = type_of(connection)
            except ValueError as error:
                self._report.add(f"{self._name} {connection.topic}", None, str(error))
                continue
            connections.append(connection)
        if not connections:
            return
        messages = self._reader.messages(connections)
        while True:
            try:
                connection, arrival, raw = next(messages)
            except StopIteration:
                return
            except Exception as error:  # a damaged file raises what the decoder stumbles over: struct.error, apsw.Error, ReaderError, ...
                self._report.add(self._name, None, f"the rest cannot be read: {type(error).__name__}: {error}", "rest")
                return
            topic = connection.topic.lstrip("/")
            if topic in skip:
                continue
            store, kind = stores[topic]
            try:
                message = deserialise(store, kind, raw)
            except Exception as error:  # likewise
                time = (arrival - self.start) * 1e-9
                self._report.add(f"{self._name} {connection.topic}", time, f"damaged message: {type(error).__name__}: {error}", "damaged")
                continue
            yield topic, arrival, message


@contextmanager
def open_bag(path: Path, report: Report) -> Iterator[Bag | None]:
    """Open a bag's folder or a single file of it; None, and a problem in the report, where nothing of it can be read.

    Where the folder cannot be opened as a whole, its readable files are.
    """
    with ExitStack() as stack:
        reader = _enter(stack, path)
        if isinstance(reader, str):
            report.add(path.name, None, f"cannot be read: {reader}")
            reader = _salvage(stack, path, report)
        yield Bag(reader, path.name, report) if isinstance(reader, Reader) else None


def _enter(stack: ExitStack, path: Path) -> Reader | str:
    try:
        return stack.enter_context(Reader(path))
    except Exception as error:  # likewise
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _salvage(stack: ExitStack, path: Path, report: Report) -> Reader | None:
    """Open a folder's readable files: the last one of a recorder that died has no end, but the others are whole."""
    try:
        metadata = yaml.safe_load((path / METADATA).read_text())
        information = metadata["rosbag2_bagfile_information"]
        names = [Path(n).name for n in information["relative_file_paths"]]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return None
    if len(names) < 2:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for name in names:
        if (path / name).is_file():
            (folder / name).symlink_to((path / name).absolute())

    def with_files(chosen: list[str]) -> None:
        information["relative_file_paths"] = chosen
        (folder / METADATA).write_text(yaml.safe_dump(metadata))

    good = []
    for name in names:
        with_files([name])
        with ExitStack() as attempt:
            result = _enter(attempt, folder)
            if isinstance(result, Reader):
                good.append(name)
            else:
                report.add(f"{path.name}/{name}", None, f"cannot be read: {result}")
    with_files(good)
    reader = _enter(stack, folder) if good else None
    return reader if isinstance(reader, Reader) else None


def deserialise(store: Typestore, kind: str, raw: bytes) -> Any:
    """A message from its bytes, whatever follows it.

    `Typestore.deserialize_cdr` refuses more than three bytes of padding, but `rclpy.serialization.serialize_message`, and so every
    recorder written in Python, leaves eight behind a JointState without velocities and efforts.

    Raises:
        ValueError: no CDR. A message that is too short raises what the decoder stumbles over.
    """
    if raw[:2] not in ENDIANS:
        raise ValueError(f"begins with {raw[:4].hex(' ')}, which is no plain CDR")
    definition = store.get_msgdef(kind)
    function = definition.deserialize_cdr_le if raw[1] else definition.deserialize_cdr_be
    message, _ = function(raw[4:], 0, definition.cls, store)
    return message


@functools.cache
def _types() -> Typestore:
    """One for all bags: it compiles a deserialiser for each message type at first use."""
    return get_typestore(Stores.ROS2_JAZZY)


@functools.cache
def _digest(message_type: str) -> str:
    return _types().hash_rihs01(message_type)


@functools.cache
def _own_types(message_type: str, definition: str) -> Typestore:
    """The types that a bag itself defines."""
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition, message_type))
    return store


def type_of(connection: Connection) -> tuple[Typestore, str]:
    """Where a connection's type is defined, and its name there: ours if it is the same edition, else the bag's own definition.

    Raises:
        ValueError: it is not known, or another edition of ours, and the bag does not define it.
    """
    kind = connection.msgtype
    if kind.endswith("_Event"):
        return _types(), SERVICE_EVENT
    if kind in _types().fielddefs and connection.digest in ("", _digest(kind)):
        return _types(), kind
    if connection.msgdef.format != MessageDefinitionFormat.MSG:
        raise ValueError(f"has the type {kind}, which is not known here in this edition, and the bag does not define it")
    return _own_types(kind, connection.msgdef.data), kind
