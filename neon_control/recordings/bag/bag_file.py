"""A rosbag2 as one stream of messages in the order of time; no ROS is needed.

with Bag(path) as bag:
    for message in bag.messages():
        print(message.time, message.topic, bag.decode(message))
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import zstandard
from rosbags.typesys.store import Typestore

from neon_control.core.common.errors import ConfigError, NeonControlError
from neon_control.core.common.files import lfs_hint
from neon_control.core.common.yaml_file import read_mapping
from neon_control.recordings.bag.mcap import McapStorage
from neon_control.recordings.bag.messages import deserialise, type_of
from neon_control.recordings.bag.sqlite import UNFINISHED, SqliteStorage, finish
from neon_control.recordings.bag.storage import BagTopic, Definition, OnDamage, Storage, merged
from neon_control.recordings.bag.unpacking import unpack_file, unpack_zstd

METADATA = "metadata.yaml"
STORAGES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
PART = re.compile(r"(.+)_(\d+)")  # name of one file of a recording: that of its folder, and its number
LAST = 2**63 - 1  # [ns]
ZSTD = zstandard.FRAME_HEADER  # begin of what is compressed; never that of CDR
# Keys of the metadata that `neon_control record` adds to a bag: JSON, the first one followed by a node's name.
PARAMETERS_KEY, POLICY_KEY = "neon_control/parameters/", "neon_control/policy"
# Keys that `neon_control collect` adds: which take a recording is a part of, in words; and, if it is there, that its images are black on
# purpose.
TAKE_KEY, DARK_KEY = "neon_control/take", "neon_control/dark"
# How it ended, of who said so when it was recorded: `success`, `failure` or `discarded`.
OUTCOME_KEY = "outcome"
# Of `collect --corrections`: why the expert took over, a word for each time.
TAKEOVERS_KEY = "neon_control/takeovers"

OnProblem = Callable[[str, str, "float | None"], None]


class BagError(NeonControlError):
    """A recording cannot be read or written; the message names it, and says as `what` does what was found and what is needed."""

    def __init__(self, what: str, path: Path | None = None) -> None:
        super().__init__(what if path is None else f"{path}: {what}")
        self.what = what


@dataclass(frozen=True)
class BagMessage:
    """One message, still serialised."""

    time: int  # [ns] when it was received
    topic: str
    type: str
    data: bytes  # CDR


class Bag:
    """A bag that is open for reading.

    The files count, not what `metadata.yaml` says about them: it is used for their names and order only, and may be missing.

    Attributes:
        name: of its folder or file.
        topics: name -> topic, those with at least one message.
        start, end: [ns] times of the first and the last message.
        custom: the recorder's own metadata.
        about: what somebody who reads figures about it should know; usually nothing.

    Args:
        path: the bag's folder, or its storage file; any storage, compressed or not.
        on_problem: called with what is wrong but leaves something to read: the topic or the file, or nothing; a text; and when [s] since
            the bag's begin, if that is known. Without it, these are errors too.

    Raises:
        BagError: there is no bag, or nothing of it can be read.
    """

    def __init__(self, path: str | Path, on_problem: OnProblem | None = None) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._on_problem = on_problem
        self._said: dict[tuple[str, str, int | None], None] = {}
        self._begin: int | None = None  # [ns] of the whole bag; None until it is known
        self._types: dict[str, tuple[Typestore, str]] = {}
        self._span = 0, LAST  # [ns] what is seen; not from start to end, since some recorders tell these wrong
        self.custom: dict[str, str] = {}
        self.about = ""
        with ExitStack() as stack:
            self._storages = self._open(stack)
            self.topics, self._ids = self._index()
            full = [s for s in self._storages if any(t.count for t in s.topics)]
            self.start, self.end = min((s.start for s in full), default=0), max((s.end for s in full), default=0)
            if not full:
                self._say("", "no messages")
            self._begin = self.start
            for found in self._said:
                self._pass_on(*found)
            self._stack = stack.pop_all()

    def _say(self, where: str, text: str, time: int | None = None) -> None:
        """Once, however often it is found, and when the bag's begin is known."""
        found = "" if where == self.path.name else where, text, time
        if found not in self._said:
            self._said[found] = None
            if self._begin is not None:
                self._pass_on(*found)

    def _pass_on(self, where: str, text: str, time: int | None) -> None:
        if self._on_problem is None:
            raise BagError(f"{where}: {text}" if where else text, self.path)
        self._on_problem(where, text, None if time is None or self._begin is None else (time - self._begin) * 1e-9)

    def _open(self, stack: ExitStack) -> list[Storage]:
        files = [self.path] if self.path.is_file() else self._files()
        storages, problems = [], []
        for file in files:
            try:
                storages.append(_open_storage(file, stack, partial(self._say, file.name)))
            except Exception as error:  # a damaged file raises what its reader stumbles over
                problems.append((file.name, f"cannot be read: {_words(error)}"))
        if not storages:
            where, text = problems[0]
            raise BagError(text if where == self.path.name else f"{where} {text}", self.path)
        for where, text in problems:
            self._say(where, text)
        return storages

    def _files(self) -> list[Path]:
        """The storage files of a folder, in their order."""
        if not self.path.is_dir():
            raise BagError("there is no such file or folder", self.path)
        recordings = recordings_in(self.path)
        found = {f.name: f for files in recordings.values() for f in files}

        def all_of_them(where: str, why: str) -> list[Path]:
            if len(recordings) > 1:
                several = f"the folder holds files of several recordings, {sorted(recordings)}; give one of the files"
                raise BagError(f"{where} {why}, and {several}".lstrip(), self.path)
            self._say(where, f"{why}; read are {list(found)}")
            return list(found.values())

        if not found:
            names = sorted(f.name for f in self.path.iterdir())
            why = f"; {METADATA} alone is none: copy the files that it names too" if METADATA in names else ""
            raise BagError(f"no recording: it needs files that end with one of {list(STORAGES)}, and has {names}{why}", self.path)
        if not (self.path / METADATA).exists():
            return all_of_them("", f"has no {METADATA}: its recorder was cut off")
        try:
            information = read_mapping(self.path / METADATA)["rosbag2_bagfile_information"]
            named = [Path(n).name for n in information["relative_file_paths"]]
            self.custom = {str(k): str(v) for k, v in (information.get("custom_data") or {}).items()}
        except (ConfigError, KeyError, TypeError, AttributeError, ValueError) as error:
            return all_of_them(METADATA, f"cannot be read: {_words(error)}")
        # With file compression a name is that of the compressed file or not, depending on the edition; the last file of a recorder that
        # died is not compressed.
        names = [next((n for n in (name, f"{name}.zstd", name.removesuffix(".zstd")) if n in found), name) for name in named]
        there = [found[n] for n in names if n in found]
        missing = [n for n in names if n not in found]
        lost = f"{METADATA} names {missing}, which are not there"
        if missing and not there:
            return all_of_them("", lost)
        if missing:
            self._say("", f"{lost}; read are {[f.name for f in there]}")
        return there

    def _index(self) -> tuple[dict[str, BagTopic], list[dict[int, BagTopic]]]:
        """Topics, and for each file which of its topics are which of these."""
        stored: dict[str, list[tuple[int, BagTopic]]] = {}
        for number, storage in enumerate(self._storages):
            for topic in storage.topics:
                if topic.count and topic.serialization == "cdr":
                    # bags of ROS 2's first years, and of some tools, write package/Name
                    kind = topic.type.replace("/", "/msg/") if topic.type.count("/") == 1 else topic.type
                    stored.setdefault(topic.name, []).append((number, replace(topic, type=kind)))
                elif topic.count:
                    self._say(topic.name, f"is left out: its messages are '{topic.serialization}', and cdr is needed")
        topics: dict[str, BagTopic] = {}
        ids: list[dict[int, BagTopic]] = [{} for _ in self._storages]
        for name, found in stored.items():
            kind = found[0][1].type
            if others := sorted({t.type for _, t in found} - {kind}):
                self._say(name, f"has messages of several types; those of {others} are left out, {kind} remains")
            used = [t for _, t in found if t.type == kind]
            definition = next((t.definition for t in used if t.definition.encoding), Definition())
            digest = next((t.digest for t in used if t.digest), "")
            qos = tuple(dict.fromkeys(q for t in used for q in t.qos))
            topics[name] = replace(used[0], definition=definition, digest=digest, qos=qos, count=sum(t.count for t in used))
            for number, topic in found:
                if topic.type == kind:
                    ids[number][topic.id] = topics[name]
        return topics, ids

    def cut(self, start: float, duration: float) -> None:
        """From now on, see only the messages from `start` [s] after the begin on, for `duration` [s]; a BagError where it ends before."""
        if start * 1e9 > self.end - self.start:
            raise BagError(f"lasts {(self.end - self.start) * 1e-9:.2f} s, asked to start at {start:g} s", self.path)
        self.start += round(start * 1e9)
        if self.start + duration * 1e9 < self.end:
            self.end = self.start + round(duration * 1e9)
        self._span = self.start, self.end

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """The messages of `topics`, of all where none is given, in the order of time. Where a file is damaged, `on_problem` is told."""
        return self._between(topics, *self._span)

    def held(self, topics: Collection[str]) -> list[BagMessage]:
        """Of each of `topics` the newest message before the begin of a cut, in the order of time: what was still in force there."""
        start = self._span[0]
        newest = {message.topic: message for message in self._between(topics, 0, start - 1)} if start > 0 else {}
        return sorted(newest.values(), key=lambda message: message.time)

    def _between(self, topics: Collection[str] | None, start: int, end: int) -> Iterator[BagMessage]:
        sources = []
        for storage, ids in zip(self._storages, self._ids, strict=True):
            wanted = {number: topic for number, topic in ids.items() if topics is None or topic.name in topics}
            if wanted and storage.start <= end and storage.end >= start:
                sources.append((storage.start, partial(self._messages_in, storage, wanted, start, end)))
        return merged(sources)

    def _messages_in(self, storage: Storage, topics: dict[int, BagTopic], start: int, end: int) -> Iterator[BagMessage]:
        for time, number, data in storage.messages(topics, start, end):
            topic = topics[number]
            if data[: len(ZSTD)] == ZSTD:
                try:
                    data = unpack_zstd(data)
                except (ValueError, zstandard.ZstdError) as error:
                    self._say(topic.name, f"a message cannot be decompressed: {error}", time)
                    continue
            yield BagMessage(time, topic.name, topic.type, data)

    def type_of(self, topic: str) -> tuple[Typestore, str]:
        """Where the type of `topic` is defined, and its name there: without this, its messages cannot be decoded.

        Raises:
            BagError: its type is another edition than the one known here by this name, or unknown, and the bag does not define it.
        """
        if topic not in self._types:
            found = self.topics[topic]
            try:
                self._types[topic] = type_of(found.type, found.definition, found.digest)
            except Exception as error:  # a definition that is no definition raises what the parser stumbles over
                raise BagError(f"topic {topic} {error}", self.path) from error
        return self._types[topic]

    def decode(self, message: BagMessage) -> Any:
        """The message with its fields; arrays are numpy arrays.

        Raises:
            BagError: see `type_of`, or the message is damaged.
        """
        store, kind = self.type_of(message.topic)
        try:
            return deserialise(store, kind, message.data)
        except Exception as error:  # what a damaged message does to generated code is not specified
            text = f"a message of {message.topic} at {message.time} ns cannot be read as {message.type}: {_words(error)}"
            raise BagError(text, self.path) from error

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def recordings_in(folder: Path) -> dict[str, list[Path]]:
    """Name -> files, in their order, of the recordings whose storage files lie in a folder.

    Files of one recording are named after its folder: DAY/DAY_0.mcap, DAY/DAY_1.mcap, ... Any other file is a recording by itself.
    """
    found: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(folder.iterdir()):
        ending = next((e for e in STORAGES if file.name.endswith(e)), None)
        if ending is not None and file.is_file():
            part = PART.fullmatch(file.name.removesuffix(ending))
            name, number = (part[1], int(part[2])) if part and part[1] == folder.absolute().name else (file.name, 0)
            found.setdefault(name, []).append((number, file))
    return {name: [f for _, f in sorted(files)] for name, files in found.items()}


def _open_storage(file: Path, stack: ExitStack, on_damage: OnDamage) -> Storage:
    if not file.name.endswith(STORAGES):
        raise ValueError(f"the name of a storage file of a rosbag2 ends with one of {list(STORAGES)}")
    if hint := lfs_hint(file):
        raise ValueError(hint)
    source = file
    if file.suffix == ".zstd":
        source = _temporary(stack) / file.stem
        try:
            unpack_file(file, source)
        except (ValueError, zstandard.ZstdError) as error:
            on_damage(f"cannot be decompressed to its end: {error}", None)
    if source.suffix == ".db3" and (left := [f for f in (Path(f"{file}{e}") for e in UNFINISHED) if f.is_file() and f.stat().st_size]):
        source = _temporary(stack) / file.name
        for one in (file, *left):
            shutil.copyfile(one, source.parent / one.name)
        finish(source)
    return (McapStorage if source.suffix == ".mcap" else SqliteStorage)(source, stack, on_damage)


def _temporary(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="neon_control-")))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
