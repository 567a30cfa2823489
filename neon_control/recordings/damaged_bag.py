"""A bag with what is broken left out and reported, so that one bad file or message costs only itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.recordings.reading import Report


class ReadableBag:
    """What can be read of an open bag. Topics have no leading slash here, as in `RecordingConfig`."""

    def __init__(self, bag: Bag, name: str, report: Report) -> None:
        self.start, self.end = bag.start, bag.end  # [ns] receive times of the first and the last message
        self.types = {topic.name.lstrip("/"): topic.type for topic in bag.topics.values()}
        self._names = {name.lstrip("/"): name for name in bag.topics}  # as the bag has them
        self._bag = bag
        self._name = name
        self._report = report

    def messages(self, topics: Sequence[str], skip: Collection[str] = ()) -> Iterator[tuple[str, int, Any]]:
        """Topic, receive time [ns] and message, in order of receive times. What cannot be read is reported.

        A topic that the caller adds to `skip` meanwhile is no longer read.
        """
        readable = []
        for name in (self._names[t] for t in topics):
            try:
                self._bag.type_of(name)
                readable.append(name)
            except BagError as error:
                self._report.add(self._name, None, error.what)
        for message in self._bag.messages(readable):
            topic = message.topic.lstrip("/")
            if topic in skip:
                continue
            try:
                content = self._bag.decode(message)
            except BagError as error:
                self._report.add(f"{self._name} {message.topic}", (message.time - self.start) * 1e-9, error.what, "damaged")
                continue
            yield topic, message.time, content


@contextmanager
def open_bag(path: Path, report: Report) -> Iterator[ReadableBag | None]:
    """Open a bag's folder or a single file of it; None, and a problem in the report, where nothing of it can be read."""
    try:
        bag = Bag(path, lambda where, text, seconds: report.add(_place(path, where), seconds, text))
    except BagError as error:
        report.add(path.name, None, error.what)
        yield None
        return
    with bag:
        yield ReadableBag(bag, path.name, report)


def _place(path: Path, where: str) -> str:
    """Topics begin with a slash, files of the bag do not."""
    return f"{path.name} {where}" if where.startswith("/") else f"{path.name}/{where}".rstrip("/")
