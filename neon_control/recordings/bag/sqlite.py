"""A rosbag2 file of the storage sqlite3, of every edition since Crystal.

messages(id, topic_id, timestamp, data)
topics(id, name, type, serialization_format [, offered_qos_profiles [, type_description_hash]])
message_definitions(id, topic_type, encoding, encoded_message_definition, ...)      since Iron
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neon_control.recordings.bag.storage import BagTopic, Definition, OnDamage, Stored, qos_of

COLUMNS = ("id", "name", "type", "serialization_format", "offered_qos_profiles", "type_description_hash")
SOUND = "typeof(timestamp) = 'integer'"  # any column holds any type
TABLES = ("topics", "messages", "message_definitions")
STEPS, STEPS_PER_BYTE = 100_000, 10  # of SQLite's machine: between two looks, and as many as a query over a file of this size may take
UNFINISHED = ("-wal", "-journal")  # beside a file whose recorder died: what belongs into it, or must be taken back


class SqliteStorage:
    """See `storage.Storage`; `stack` closes it."""

    def __init__(self, path: Path, stack: ExitStack, on_damage: OnDamage) -> None:
        self._on_damage = on_damage
        self._budget = self._left = 100 + STEPS_PER_BYTE * path.stat().st_size // STEPS
        # `immutable` reads where nothing may be written beside it, and where a recorder left a lock.
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        self._database = stack.enter_context(closing(sqlite3.connect(address, uri=True, check_same_thread=False)))
        self._database.text_factory = lambda text: text.decode(errors="replace")
        self._database.set_progress_handler(self._goes_on, STEPS)
        self._refuse_computed()
        there = [row[1] for row in self._database.execute("PRAGMA table_info(topics)")]
        if not there or not self._database.execute("PRAGMA table_info(messages)").fetchall():
            raise ValueError("it has no tables 'topics' and 'messages', so it is no rosbag2")
        definitions: dict[str, Definition] = {}
        if self._database.execute("PRAGMA table_info(message_definitions)").fetchall():
            query = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            definitions = {kind: Definition(encoding, text) for kind, encoding, text in self._database.execute(query)}
        spans = f"topic_id, SUM({SOUND}), COUNT(*), MIN(timestamp) FILTER (WHERE {SOUND}), MAX(timestamp) FILTER (WHERE {SOUND})"
        found = list(self._database.execute(f"SELECT {spans} FROM messages GROUP BY topic_id"))
        if unsound := sum(count - sound for _, sound, count, _, _ in found):
            self._on_damage(f"{unsound} messages are damaged, and left out: they have no time", None)
        counts = {topic: sound for topic, sound, *_ in found}
        times = [time for *_, first, last in found for time in (first, last) if time is not None]
        self.start, self.end = min(times, default=0), max(times, default=0)
        columns = ", ".join(c if c in there else "''" for c in COLUMNS)
        self.topics = [
            BagTopic(number, name, kind, serialization, definitions.get(kind, Definition()), digest, qos_of(qos), counts.get(number, 0))
            for number, name, kind, serialization, qos, digest in self._database.execute(f"SELECT {columns} FROM topics ORDER BY id")
        ]

    def _goes_on(self) -> bool:
        """Whether the query has taken too long: pages that refer to each other have rows without end."""
        self._left -= 1
        return self._left < 0

    def _refuse_computed(self) -> None:
        """A view, or a column that is computed, may have no end; a recorder writes neither."""
        for name, kind in self._database.execute("SELECT name, type FROM sqlite_master").fetchall():
            if name.lower() in TABLES:
                hidden = [row[1] for row in self._database.execute(f"PRAGMA table_xinfo({name})") if row[6]]
                if kind != "table" or hidden:
                    raise ValueError(f"'{name}' is {'computed' if hidden else f'a {kind}'}, so it is no rosbag2, which has tables")

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """See `Storage.messages`."""
        places = ",".join("?" * len(topics))
        chosen = f"FROM messages WHERE topic_id IN ({places}) AND timestamp BETWEEN ? AND ? AND {SOUND} ORDER BY timestamp"
        last, values = None, (*topics, start, end)
        self._left = self._budget
        try:
            for time, topic, data in self._rows(chosen, values):
                last = time
                if isinstance(data, bytes):
                    yield Stored(time, topic, data)
                else:
                    self._on_damage("a message is damaged, and left out: it has no content", time)
        except sqlite3.Error as error:
            self._on_damage(f"the rest cannot be read: {type(error).__name__}: {error}", last)

    def _rows(self, chosen: str, values: tuple[int, ...]) -> Iterator[tuple[int, int, Any]]:
        query = f"SELECT timestamp, topic_id, data {chosen}"
        plan = self._database.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
        if not any("TEMP B-TREE" in step[-1] for step in plan):
            yield from self._database.execute(query, values)
            return
        # No index of times: SQLite would sort the messages themselves in memory, so only where they are is sorted.
        for time, topic, row in self._database.execute(f"SELECT timestamp, topic_id, rowid {chosen}", values):
            (data,) = self._database.execute("SELECT data FROM messages WHERE rowid = ?", (row,)).fetchone()
            yield time, topic, data


def finish(path: Path) -> None:
    """Bring in, or take back, what a recorder that died left beside the database; writes to it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
