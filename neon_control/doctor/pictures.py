"""Images of one camera in one episode: blank, repeated, or the same although the robot moves. A few are looked at, or all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neon_control.core.sensing.image_buffer import AnyImage
from neon_control.recordings.observer import UNSEEN
from neon_control.runtime.decoding.thumbnail import thumbnail

GRID = (12, 16)  # parts of an image, down and across, whose means are compared: noise of a sensor vanishes in them
SAME = 1.0  # [grey levels of 255] parts that differ by less show the same
DARK, FLAT = 8.0, 1.0  # [grey levels] an image is black below this, and of one colour where it varies by less
APART_S = 0.3  # [s] images further apart than this are compared for whether they are frozen
MOVED = 0.02  # of a joint's range: between two images, so far at least a joint has to go for any camera to see it
THUMBNAILS, THUMBNAIL_HEIGHT = 6, 72  # images of a strip, and their height [pixels]


@dataclass(frozen=True)
class PictureFigures:
    """One camera in one episode."""

    size: tuple[int, int]  # width and height [pixels]; (0, 0) where none was looked at
    images: int  # how many there are
    looked_at: int  # how many of them were decoded
    blank: float  # share of those that are black or of one colour
    repeated: float  # share of pairs that follow each other, while the robot moves, that are equal to the last bit
    frozen: float  # share of pairs further apart, between which the robot moved, that show the same; NaN where there is none
    compared: int  # how many of these pairs there are
    brightness: float  # [grey levels] mean


class CameraLook:
    """Takes one camera's images as they come.

    Args:
        begin, end: [ns] of the episode.
        places: instants of it at which two images are looked at, evenly spaced; None: all images are.
        thumbnails: whether small pictures are kept.
    """

    def __init__(self, begin: int, end: int, places: int | None, thumbnails: bool) -> None:
        self.stamps: list[int] = []  # [ns] of all
        self.strip: list[bytes] = []  # small pictures, JPEG
        self._due = [] if places is None else list(place_times(begin, end, places))
        self._all, self._left = places is None, 0
        self._pictured = list(place_times(begin, end, THUMBNAILS)) if thumbnails else []
        self._prints: list[tuple[int, np.ndarray]] = []  # stamp [ns], means of the parts (12, 16, 3)
        self._pairs: list[tuple[int, int, bool]] = []  # stamps [ns] of two that follow each other, whether they are equal
        self._before: tuple[int, np.ndarray] | None = None  # the image before, where that was looked at
        self._looked = self._blank = 0
        self._brightness = 0.0
        self._size = (0, 0)

    def take(self, stamp: int, image: AnyImage) -> AnyImage:
        """An image; comes back decoded where it was looked at, else `UNSEEN`. Raises what a damaged one raises."""
        self.stamps.append(stamp)
        if image is UNSEEN:
            self._before = None
            return image
        if not self._all:
            while self._due and stamp >= self._due[0]:
                self._due.pop(0)
                self._left = 2
            if not self._left:
                self._before = None
                return UNSEEN
            self._left -= 1
        seen = image() if callable(image) else image
        self._look(stamp, seen)
        return seen

    def _look(self, stamp: int, image: np.ndarray) -> None:
        parts = part_means(image)
        self._size = (image.shape[1], image.shape[0])
        self._brightness += float(parts.mean())
        self._blank += bool(parts.max() < DARK or _is_flat(image))
        if self._before is not None:
            self._pairs.append((self._before[0], stamp, np.array_equal(self._before[1], image)))
        self._before = stamp, image
        if not self._prints or abs(stamp - self._prints[-1][0]) >= APART_S * 1e9:
            self._prints.append((stamp, parts))
        if self._pictured and stamp >= self._pictured[0]:
            self._pictured = [t for t in self._pictured if t > stamp]
            self.strip.append(thumbnail(image, THUMBNAIL_HEIGHT))
        self._looked += 1

    @property
    def content(self) -> bytes:
        """What was seen, to tell whether two episodes show the same."""
        return b"".join(np.round(parts).astype(np.uint8).tobytes() for _, parts in self._prints)

    def figures(self, moved: Callable[[int, int], bool], moving: Callable[[int, int], bool]) -> PictureFigures:
        """What was found; `moved` says whether the robot did between two times [ns], `moving` whether it did around them."""
        looked = self._looked
        pairs = [same for one, two, same in self._pairs if moving(one, two)]
        apart = [
            bool(np.abs(a - b).max() < SAME) for (one, a), (two, b) in zip(self._prints, self._prints[1:], strict=False) if moved(one, two)
        ]
        return PictureFigures(
            size=self._size,
            images=len(self.stamps),
            looked_at=looked,
            blank=self._blank / looked if looked else 0.0,
            repeated=float(np.mean(pairs)) if pairs else 0.0,
            frozen=float(np.mean(apart)) if apart else float("nan"),
            compared=len(apart),
            brightness=self._brightness / looked if looked else float("nan"),
        )


def place_times(begin: int, end: int, count: int) -> np.ndarray:
    """(count,) [ns] evenly spaced in the middle of equal parts."""
    return np.asarray(begin + ((np.arange(count) + 0.5) / count * (end - begin)).astype(np.int64))


def chosen_rows(stamps: np.ndarray, places: int) -> np.ndarray:
    """(T,) which images at `stamps` (T,) [ns] `CameraLook` would look at, and the last one, which shows whether the video ends early."""
    first = np.searchsorted(stamps, place_times(int(stamps[0]), int(stamps[-1]), places))
    chosen = np.zeros(len(stamps), bool)
    chosen[np.clip(np.concatenate([first, first + 1, [len(stamps) - 1]]), 0, len(stamps) - 1)] = True
    return chosen


def part_means(image: np.ndarray) -> np.ndarray:
    """(12, 16, 3) means of the parts of an image (H, W, 3); of a small image the parts overlap."""
    height, width, _ = image.shape
    rows, columns = (np.linspace(0, size, parts, endpoint=False).astype(np.intp) for size, parts in zip((height, width), GRID, strict=True))
    if height < GRID[0] or width < GRID[1]:
        return image[np.ix_(rows, columns)].astype(np.float32)
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float32), rows, axis=0), columns, axis=1)
    area = np.diff(np.append(rows, height))[:, None] * np.diff(np.append(columns, width))[None]
    return np.asarray(sums / area[..., None])


def _is_flat(image: np.ndarray) -> bool:
    return bool(image[::4, ::4].reshape(-1, image.shape[-1]).std(axis=0).max() < FLAT)
