"""A rosbag2 file of the storage mcap: indexed or not, in chunks or not, whole or cut off.

A file with an index is read by it. Without one, because its recorder died or was told so, all its records are passed once; what was cut off
at the end is left out.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, Schema
from mcap.stream_reader import MAGIC_SIZE, CRCValidationError

from neon_control.recordings.bag.storage import BagTopic, Definition, OnDamage, Stored, merged, qos_of
from neon_control.recordings.bag.unpacking import unpack_lz4, unpack_zstd

HEAD = struct.Struct("<BQ")  # opcode and length of a record
SPAN = struct.Struct("<QQ")  # begin of a chunk: times of its first and its last message [ns]
INDEX = struct.Struct("<HI")  # begin of a message index: channel, and how many bytes follow
INDEX_ENTRY = 16  # [bytes] of it for one message
MESSAGE = struct.Struct("<HIQQ")  # before the data: channel, sequence number, log time, publish time
CHUNK = struct.Struct("<QQQII")  # begin of a chunk: times of its first and its last message [ns], size, checksum, length of what follows
UNPACKED = struct.Struct("<I")  # the last of these: nothing follows that would name a compression
DATA_LENGTH = 8  # [bytes] between this and the records
SHORTEST: dict[int, int] = {Opcode.MESSAGE: MESSAGE.size, Opcode.CHUNK: SPAN.size, Opcode.MESSAGE_INDEX: INDEX.size}  # [bytes]
FIRST_PRIVATE = 0x80  # opcodes from here on are anybody's


class _ChunkPlace(NamedTuple):
    start: int  # [ns]
    end: int  # [ns]
    offset: int  # of the record's content
    topics: frozenset[int]  # empty: not known


class McapStorage:
    """See `storage.Storage`; `stack` closes it."""

    def __init__(self, path: Path, stack: ExitStack, on_damage: OnDamage) -> None:
        self._on_damage = on_damage
        self._file = stack.enter_context(path.open("rb"))
        self._size = path.stat().st_size
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._counts: Counter[int] = Counter()
        self._chunks: list[_ChunkPlace] = []
        self._times, self._ids, self._offsets, self._lengths = array("Q"), array("H"), array("Q"), array("Q")  # of messages in no chunk
        self.start = self.end = 0
        if not self._read_index(SeekingReader(self._file)):
            self._pass_records()
        self.topics = [self._topic(number, channel) for number, channel in sorted(self._channels.items())]

    def _topic(self, number: int, channel: Channel) -> BagTopic:
        schema = self._schemas.get(channel.schema_id, Schema(0, b"", "", ""))
        definition = Definition(schema.encoding, schema.data.decode(errors="replace"))
        digest, qos = channel.metadata.get("topic_type_hash", ""), qos_of(channel.metadata.get("offered_qos_profiles", ""))
        return BagTopic(number, channel.topic, schema.name, channel.message_encoding, definition, digest, qos, self._counts[number])

    def _read_index(self, reader: SeekingReader) -> bool:
        """Whether there is an index that is complete: it tells where all messages are, and whose they are."""
        try:
            summary = reader.get_summary()
        except Exception:  # what stands where the index should be is anything
            return False
        if summary is None or (statistics := summary.statistics) is None:
            return False
        if (
            not len(summary.chunk_indexes) == statistics.chunk_count > 0
            or set(statistics.channel_message_counts) - set(summary.channels)
            or {c.schema_id for c in summary.channels.values()} - {0} - set(summary.schemas)
        ):
            return False
        self._schemas, self._channels = summary.schemas, summary.channels
        self._counts.update(statistics.channel_message_counts)
        self.start, self.end = statistics.message_start_time, statistics.message_end_time
        for place in summary.chunk_indexes:
            start, end, offset = place.message_start_time, place.message_end_time, place.chunk_start_offset + HEAD.size
            self._chunks.append(_ChunkPlace(start, end, offset, frozenset(place.message_index_offsets)))
        return True

    def _pass_records(self) -> None:
        """Make the index that the file does not have."""
        chunk: _ChunkPlace | None = None
        whole = False
        for opcode, offset, length in self._records():
            if opcode == Opcode.MESSAGE_INDEX and chunk is not None:
                topic, size = INDEX.unpack(self._file.read(INDEX.size))
                if size:
                    chunk = chunk._replace(topics=chunk.topics | {topic})
                    self._counts[topic] += size // INDEX_ENTRY
                continue
            if chunk is not None:
                self._note(chunk)
                chunk = None
                self._file.seek(offset)
            if opcode == Opcode.CHUNK:
                start, end = SPAN.unpack(self._file.read(SPAN.size))
                chunk = _ChunkPlace(start, end, offset, frozenset())
            elif opcode == Opcode.MESSAGE:
                topic, _, time, _ = MESSAGE.unpack(self._file.read(MESSAGE.size))
                self._times.append(time)
                self._ids.append(topic)
                self._offsets.append(offset + MESSAGE.size)
                self._lengths.append(length - MESSAGE.size)
                self._counts[topic] += 1
            elif opcode in (Opcode.DATA_END, Opcode.FOOTER):
                whole = True
                break
            else:
                self._learn(opcode, self._file)
        if chunk is not None:
            self._note(chunk)
        times = [t for c in self._chunks for t in (c.start, c.end)] + ([min(self._times), max(self._times)] if self._times else [])
        self.start, self.end = min(times, default=0), max(times, default=0)
        if not whole and times:
            self._on_damage("it was cut off: what was recorded after this time is lost", self.end)
        elif not whole:
            self._on_damage("it was cut off before the end of its first part", None)

    def _note(self, chunk: _ChunkPlace) -> None:
        """Add a chunk, and look into it where what follows it does not tell all."""
        if not chunk.topics or not chunk.topics <= self._channels.keys():
            counts: Counter[int] = Counter()
            content = self._content(chunk)
            for opcode, offset, length in _records_in(content):
                if opcode == Opcode.MESSAGE:
                    counts[MESSAGE.unpack_from(content, offset)[0]] += 1
                else:
                    self._learn(opcode, BytesIO(content[offset : offset + length]))
            if not chunk.topics:
                self._counts += counts
            chunk = chunk._replace(topics=frozenset(counts))
        if chunk.topics:
            self._chunks.append(chunk)

    def _learn(self, opcode: int, content: IO[bytes]) -> None:
        """Take note of a schema or a channel; other records are passed over."""
        if opcode == Opcode.SCHEMA:
            schema = Schema.read(ReadDataStream(content))
            self._schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = Channel.read(ReadDataStream(content))
            self._channels[channel.id] = channel

    def _records(self) -> Iterator[tuple[int, int, int]]:
        """Opcode, offset and length of each whole record, with the file at its content; of a chunk that is cut off, those in it."""
        position = MAGIC_SIZE
        while position + HEAD.size <= self._size:
            self._file.seek(position)
            opcode, length = HEAD.unpack(self._file.read(HEAD.size))
            known = (0 < opcode <= max(Opcode) or opcode >= FIRST_PRIVATE) and length >= SHORTEST.get(opcode, 0)
            position += HEAD.size
            if known and position + length <= self._size:
                yield opcode, position, length
                position += length
            elif opcode == Opcode.CHUNK and self._file.read(CHUNK.size)[-UNPACKED.size :] == UNPACKED.pack(0):
                position += CHUNK.size + DATA_LENGTH
            else:
                return  # cut off, or overwritten

    def _content(self, chunk: _ChunkPlace) -> memoryview:
        """Its records, unpacked; none, and a word about it, where it is damaged."""
        try:
            self._file.seek(chunk.offset)
            content = memoryview(_unpacked(Chunk.read(ReadDataStream(self._file))))
            end = 0
            for opcode, offset, length in _records_in(content):
                end = offset + length
                if opcode == Opcode.MESSAGE and length < MESSAGE.size:
                    raise ValueError("one of its messages has no times")
            if end != len(content):
                raise ValueError("its records do not fill it")
        except Exception as error:  # decompressors and parsers raise what they stumble over
            seconds = (chunk.end - chunk.start) * 1e-9
            self._on_damage(f"the messages of {seconds:.2f} s are damaged, and left out: {type(error).__name__}: {error}", chunk.start)
            return memoryview(b"")
        return content

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """See `Storage.messages`."""
        wanted = frozenset(topics)
        chunks = [c for c in self._chunks if c.start <= end and c.end >= start and (not c.topics or c.topics & wanted)]
        return merged(
            [(c.start, partial(self._in_chunk, c, wanted, start, end)) for c in chunks]
            + ([(self.start, partial(self._in_no_chunk, wanted, start, end))] if self._times else [])
        )

    def _in_chunk(self, chunk: _ChunkPlace, wanted: frozenset[int], start: int, end: int) -> Iterator[Stored]:
        content = self._content(chunk)
        places = []
        for opcode, offset, length in _records_in(content):
            if opcode == Opcode.MESSAGE:
                topic, _, time, _ = MESSAGE.unpack_from(content, offset)
                if topic in wanted and start <= time <= end:
                    places.append((time, topic, offset + MESSAGE.size, offset + length))
        places.sort(key=itemgetter(0))
        for time, topic, begin, finish in places:
            yield Stored(time, topic, bytes(content[begin:finish]))

    def _in_no_chunk(self, wanted: frozenset[int], start: int, end: int) -> Iterator[Stored]:
        for i in np.argsort(np.frombuffer(self._times, np.uint64), kind="stable").tolist():
            if self._ids[i] in wanted and start <= self._times[i] <= end:
                self._file.seek(self._offsets[i])
                yield Stored(self._times[i], self._ids[i], self._file.read(self._lengths[i]))


def _records_in(content: memoryview) -> Iterator[tuple[int, int, int]]:
    """Opcode, offset and length of each record in a chunk; a struct.error where one has no room for its head.

    A ValueError where one has the opcode 0, which is none: a chunk of zeros would be millions of them.
    """
    position = 0
    while position < len(content):
        opcode, length = HEAD.unpack_from(content, position)
        if not opcode:
            raise ValueError("one of its records is of no kind")
        position += HEAD.size
        yield opcode, position, length
        position += length


def _unpacked(chunk: Chunk) -> bytes:
    """What is in a chunk. The package mcap would unpack it to whatever size it claims."""
    unpack = {"": lambda data, _: data, "lz4": unpack_lz4, "zstd": unpack_zstd}.get(chunk.compression)
    if unpack is None:
        raise ValueError(f"it is compressed with '{chunk.compression}'; lz4 and zstd are known")
    content: bytes = unpack(chunk.data, chunk.uncompressed_size)
    if chunk.uncompressed_crc not in (0, found := zlib.crc32(content)):
        raise CRCValidationError(chunk.uncompressed_crc, found, chunk)
    return content
