"""A rosbag2 file of the storage sqlite3, of every edition since Crystal.

messages(id, topic_id, timestamp, data)
topics(id, name, type, serialization_format [, offered_qos_profiles [, type_description_hash]])
message_definitions(id, topic_type, encoding, encoded_message_definition, ...)      since Iron
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from neon_control.runtime.bag_storage import Definition, Stored, StoredTopic, Told

COLUMNS = ("id", "name", "type", "serialization_format", "offered_qos_profiles", "type_description_hash")
UNFINISHED = ("-wal", "-journal")  # beside a file whose recorder died: what belongs into it, or must be taken back


class SqliteStorage:
    """See `bag_storage.Storage`.

    Raises:
        ValueError: it is a database, but no rosbag2.
        sqlite3.Error: it is damaged.
    """

    def __init__(self, path: Path, told: Told) -> None:
        self._told = told
        # `immutable` reads where nothing may be written beside it, and where a recorder left a lock.
        self._database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self._database.text_factory = lambda text: text.decode(errors="replace")
        try:
            self._read_topics()
        except BaseException:
            self.close()
            raise

    def _read_topics(self) -> None:
        there = [row[1] for row in self._database.execute("PRAGMA table_info(topics)")]
        if not there or not self._database.execute("PRAGMA table_info(messages)").fetchall():
            raise ValueError("it has no tables 'topics' and 'messages', so it is no rosbag2")
        definitions: dict[str, Definition] = {}
        if self._database.execute("PRAGMA table_info(message_definitions)").fetchall():
            query = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            definitions = {kind: Definition(encoding, text) for kind, encoding, text in self._database.execute(query)}
        counted = list(self._database.execute("SELECT topic_id, COUNT(*), MIN(timestamp), MAX(timestamp) FROM messages GROUP BY topic_id"))
        counts = {topic: count for topic, count, _, _ in counted}
        self.start, self.end = min((row[2] for row in counted), default=0), max((row[3] for row in counted), default=0)
        columns = ", ".join(c if c in there else "''" for c in COLUMNS)
        self.topics = [
            StoredTopic(number, name, kind, serialization, definitions.get(kind, Definition()), digest, qos, counts.get(number, 0))
            for number, name, kind, serialization, qos, digest in self._database.execute(f"SELECT {columns} FROM topics ORDER BY id")
        ]

    def messages(self, topics: Collection[int], start: int, end: int) -> Iterator[Stored]:
        """See `Storage.messages`."""
        places = ",".join("?" * len(topics))
        query = (
            f"SELECT timestamp, topic_id, data FROM messages WHERE topic_id IN ({places}) AND timestamp BETWEEN ? AND ? ORDER BY timestamp"
        )
        last = None
        try:
            for row in self._database.execute(query, (*topics, start, end)):
                last = row[0]
                yield Stored(*row)
        except sqlite3.Error as error:
            self._told(f"the rest cannot be read: {type(error).__name__}: {error}", last)

    def close(self) -> None:
        """See `Storage.close`."""
        self._database.close()


def finish(path: Path) -> None:
    """Bring in, or take back, what a recorder that died left beside the database; writes to it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
