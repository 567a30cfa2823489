"""A bag with what is broken left out and reported, so that one bad file or message costs only itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.reading import Report


class ReadableBag(Bag):
    """What can be read of a bag, and the report of the rest. Topics have no leading slash here, as in `RecordingConfig`.

    Raises:
        BagError: nothing of it can be read.
    """

    def __init__(self, path: Path, report: Report) -> None:
        self.name, self.report = path.name, report
        super().__init__(path, self._note)
        self.types = {topic.name.lstrip("/"): topic.type for topic in self.topics.values()}

    def _note(self, where: str, text: str, seconds: float | None) -> None:
        """Topics begin with a slash, files of the bag do not."""
        place = f"{self.name} {where}" if where.startswith("/") else f"{self.name}/{where}".rstrip("/")
        self.report.add(place, seconds, text)

    def contents(self, topics: Sequence[str], skip: Collection[str] = ()) -> Iterator[tuple[str, int, Any]]:
        """Topic, receive time [ns] and message, in order of receive times. What cannot be read is reported.

        A topic that the caller adds to `skip` meanwhile is no longer read.
        """
        recorded = {name.lstrip("/"): name for name in self.topics}
        readable = []
        for name in (recorded[t] for t in topics):
            try:
                self.type_of(name)
                readable.append(name)
            except BagError as error:
                self.report.add(self.name, None, error.what)
        for message in self.messages(readable):
            topic = message.topic.lstrip("/")
            if topic in skip:
                continue
            try:
                content = self.decode(message)
            except BagError as error:
                self.report.add(f"{self.name} {message.topic}", (message.time - self.start) * 1e-9, error.what, "damaged")
                continue
            yield topic, message.time, content
