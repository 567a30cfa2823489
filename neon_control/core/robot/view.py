"""What a policy sees of a camera: a part of its picture, turned and mirrored. One function, for the robot, training and evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import check_fields, setting

TURNS = (0, 90, 180, 270)  # [degrees]
FLIPS = ("", "horizontal", "vertical")
LARGEST = 2**14  # [pixels] each way, of a picture that a crop is undone to


@dataclass(frozen=True)
class Crop:
    """Edges of a part of a picture, as fractions of its width and height, so that they hold at every resolution of the camera.

    Raises:
        ConfigError: nothing is left.
    """

    left: float = setting(0.0, minimum=0.0, maximum=1.0)
    top: float = setting(0.0, minimum=0.0, maximum=1.0)
    right: float = setting(1.0, minimum=0.0, maximum=1.0)
    bottom: float = setting(1.0, minimum=0.0, maximum=1.0)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.left >= self.right or self.top >= self.bottom:
            raise ConfigError(f"left must be < right and top < bottom, got {self}")

    def of(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of a picture of (height, width); at least one of each."""
        height, width = size
        top, left = min(round(self.top * height), height - 1), min(round(self.left * width), width - 1)
        return slice(top, max(top + 1, round(self.bottom * height))), slice(left, max(left + 1, round(self.right * width)))

    def before(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the smallest picture of which a part of `size` is left; ConfigError where that is larger than `LARGEST`."""
        shares = self.bottom - self.top, self.right - self.left
        whole = [max(part, math.floor((part - 1) / share)) for part, share in zip(size, shares, strict=True)]
        for axis, part in enumerate(size):  # rounded edges: the length of what is left grows by at most one pixel at a time
            while whole[axis] <= LARGEST and _length(self.of((whole[0], whole[1]))[axis]) < part:
                whole[axis] += 1
        if max(whole) > LARGEST:
            raise ConfigError(f"{self} leaves {size[1]} x {size[0]} pixels of no picture of at most {LARGEST} x {LARGEST}")
        return whole[0], whole[1]


def _length(part: slice) -> int:
    return int(part.stop - part.start)


@dataclass(frozen=True, kw_only=True)
class View:
    """Done in this order: `crop` cuts the picture as the camera sends it, `rotate` turns what is left, `flip` mirrors that.

    Raises:
        ConfigError: another angle or direction, or nothing is left.
    """

    crop: Crop = Crop()
    rotate: int = 0  # [degrees] clockwise, as the picture is looked at
    flip: str = setting("", choices=FLIPS)  # horizontal: left and right change places

    def __post_init__(self) -> None:
        check_fields(self)
        if self.rotate not in TURNS:
            raise ConfigError(f"rotate must be one of {list(TURNS)}, got {self.rotate}")

    def of(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) to what is seen of it, a view on the same data."""
        seen = np.rot90(image[self.crop.of(image.shape[:2])], -self.rotate // 90)
        if self.flip:
            seen = seen[:, ::-1] if self.flip == "horizontal" else seen[::-1]
        return seen

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of what is seen of a picture of this size."""
        rows, columns = (part.stop - part.start for part in self.crop.of((height, width)))
        return (columns, rows) if self.rotate % 180 == 0 else (rows, columns)

    def before(self, seen: np.ndarray) -> np.ndarray:
        """A picture of which (H, W, 3) is what is seen; black where it is cut away."""
        if self.flip:
            seen = seen[:, ::-1] if self.flip == "horizontal" else seen[::-1]
        part = np.rot90(seen, self.rotate // 90)
        if self.crop == Crop():
            return part
        size = self.crop.before((part.shape[0], part.shape[1]))
        image = np.zeros((*size, 3), np.uint8)
        image[self.crop.of(size)] = part
        return image


PLAIN = View()  # the picture as it comes


def in_words(view: View) -> str:
    """For a message: `crop 0 0 0.5 1, rotate 90`; `plain` where nothing is done."""
    crop = view.crop
    parts = {
        f"crop {crop.left:g} {crop.top:g} {crop.right:g} {crop.bottom:g}": crop != Crop(),
        f"rotate {view.rotate}": view.rotate,
        f"flip {view.flip}": view.flip,
    }
    return ", ".join(part for part, is_there in parts.items() if is_there) or "plain"
