"""A bag with what is broken left out and reported, so that one bad file or message costs only itself."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from neon_control.runtime.bag_file import METADATA, Bag, BagError
from neon_control.training.recordings.reading import Report

STORAGES = (".mcap", ".db3")


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
        messages = self._bag.messages(readable)
        while True:
            try:
                message = next(messages)
            except StopIteration:
                return
            except BagError as error:
                self._report.add(self._name, None, error.what, "rest")
                return
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
    """Open a bag's folder or a single file of it; None, and a problem in the report, where nothing of it can be read.

    Where the folder cannot be opened as a whole, its readable files are.
    """

    def odd(topic: str, text: str) -> None:
        report.add(f"{path.name} {topic}".rstrip(), None, text)

    with ExitStack() as stack:
        try:
            bag: Bag | None = stack.enter_context(Bag(path, odd))
        except BagError as error:
            report.add(path.name, None, error.what)
            files = _whole_files(stack, path, report)
            bag = stack.enter_context(Bag(files, odd)) if files is not None else None
        yield ReadableBag(bag, path.name, report) if bag is not None else None


def _whole_files(stack: ExitStack, path: Path, report: Report) -> Path | None:
    """A bag of a folder's readable files: the last one of a recorder that died has no end, but the others are whole."""
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
        try:
            with Bag(folder, lambda topic, text: None):
                good.append(name)
        except BagError as error:
            report.add(f"{path.name}/{name}", None, error.what)
    with_files(good)
    return folder if good else None
