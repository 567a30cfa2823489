"""The last seconds of all topics, on disk, in segments: the oldest is deleted as the next one is begun.

What a killed recorder leaves there is not lost: `leftovers` gives it to the next one.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from neon_control.recordings.bag.bag_file import Bag, BagError
from neon_control.replay.episode_bag import STORAGE, Part
from neon_control.replay.open_bag import OpenBag

SEGMENTS = 12  # of which the ring consists, besides the one that is being written
ENDING = ".ring"  # nobody who looks for recordings finds these


class Ring:
    """Segments in `folder`, which together reach back `seconds`, and at most a segment's length more."""

    def __init__(self, folder: Path, seconds: float, compress: bool = False) -> None:
        self._folder, self._length, self._compress = folder, seconds / SEGMENTS, compress
        self._closed: deque[Part] = deque()
        self._count = 0
        self._open: OpenBag | None = None
        self._file, self._begun = folder, 0.0

    def bag(self, now: float) -> tuple[OpenBag, bool]:
        """What is written into at `now` [s, monotonic], and whether it is new."""
        if self._open is not None and now - self._begun < self._length:
            return self._open, False
        self._close()
        while len(self._closed) > SEGMENTS:
            self._closed.popleft().path.unlink(missing_ok=True)
        name = f"segment_{self._count:06d}"
        self._count += 1
        self._open, self._begun, self._file = OpenBag(self._folder / name, self._compress), now, self._folder / f"{name}{ENDING}"
        self._open.move_file(self._file)
        return self._open, True

    def take(self) -> list[Part]:
        """All that there is, in the order of time; the ring is empty then."""
        self._close()
        parts, self._closed = list(self._closed), deque()
        return parts

    def clear(self) -> None:
        """Delete all that there is."""
        for part in self.take():
            part.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._open is not None:
            information = self._open.close_part()
            self._open = None
            if information["message_count"]:
                self._closed.append(Part(self._file, information))
            else:
                self._file.unlink()


def leftovers(folder: Path) -> list[Path]:
    """The segments of a recorder that was killed, in the order of time."""
    return sorted(folder.glob(f"*{ENDING}"))


def rescue(segments: list[Path], folder: Path) -> bool:
    """Make a bag in `folder` of the segments that can be read, and delete the others; whether there were any."""
    kept: list[Path] = []
    folder.mkdir(parents=True)
    for segment in segments:
        moved = folder / f"{folder.name}_{len(kept)}{STORAGE}"
        segment.replace(moved)
        try:
            with Bag(moved, lambda *_: None) as bag:
                readable = bag.end > 0
        except BagError:
            readable = False
        if readable:
            kept.append(moved)
        else:
            moved.unlink()
    if not kept:
        folder.rmdir()
    return bool(kept)
