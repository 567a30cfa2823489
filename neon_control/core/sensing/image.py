"""Raw image messages to RGB, without copying where the layout allows; the live node and the reader of recordings share it.

| encoding | what it is |
|---|---|
| rgb8, bgr8, rgba8, bgra8, mono8, and all of them with 16 | channels; of 16 bits the high byte is taken |
| 8UC1, 8UC3, 8UC4 | grey, BGR and BGRA: OpenCV's order, since the name says none |
| yuv422_yuy2, yuyv | two pixels in four bytes, Y Cb Y Cr |
| yuv422, uyvy | the same, Cb Y Cr Y |
| nv12, nv21 | H rows of Y, then H / 2 rows of Cb Cr (nv12) or Cr Cb (nv21), all of `step` bytes; `height` is H, as in `sensor_msgs` |
| bayer_rggb8, bayer_bggr8, bayer_gbrg8, bayer_grbg8 | one byte for each pixel, behind a colour filter |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.bayer import PATTERNS, bayer_to_rgb
from neon_control.core.sensing.image_buffer import AnyImage
from neon_control.core.sensing.yuv import yuv_to_rgb

MAX_PIXELS = 7680 * 4320  # an 8K frame
CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "mono": 1}  # of mono, the one channel stands for all three colours


@dataclass(frozen=True)
class Layout:
    """How an encoding puts an image into rows of bytes."""

    to_rgb: Callable[[np.ndarray, int], AnyImage]  # takes the rows (height * rows, bytes of a row) and `is_bigendian`
    pixel: int = 1  # [bytes]
    rows: float = 1.0  # for each row of pixels
    multiple: tuple[int, int] = (1, 1)  # of which width and height have to be
    smallest: int = 1  # width and height


def _channels(order: str, size: int, rows: np.ndarray, is_bigendian: int) -> np.ndarray:
    """A view; `size`: [bytes] of a channel."""
    high_byte = 0 if is_bigendian else size - 1  # which says nothing about single bytes
    pixels = rows[:, high_byte::size].reshape(len(rows), -1, CHANNELS[order])
    if order == "mono":
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return pixels[..., :3] if order.startswith("rgb") else pixels[..., 2::-1]


def _packed(first: int, rows: np.ndarray, _: int) -> AnyImage:
    """4:2:2; `first`: of the four bytes, where the first Y is."""
    return partial(yuv_to_rgb, rows[:, first::2], rows[:, 1 - first :: 4], rows[:, 3 - first :: 4])


def _two_planes(first: int, rows: np.ndarray, _: int) -> AnyImage:
    """4:2:0; `first`: of a pair of bytes, where Cb is."""
    height = len(rows) * 2 // 3
    return partial(yuv_to_rgb, rows[:height], rows[height:, first::2], rows[height:, 1 - first :: 2])


def _mosaic(pattern: str, rows: np.ndarray, _: int) -> AnyImage:
    return partial(bayer_to_rgb, rows, pattern)


ENCODINGS = {
    **{f"{o}{8 * size}": Layout(partial(_channels, o, size), CHANNELS[o] * size) for o in CHANNELS for size in (1, 2)},
    **{f"8UC{CHANNELS[o]}": Layout(partial(_channels, o, 1), CHANNELS[o]) for o in ("mono", "bgr", "bgra")},
    **{name: Layout(partial(_packed, 0), 2, multiple=(2, 1)) for name in ("yuyv", "yuv422_yuy2")},
    **{name: Layout(partial(_packed, 1), 2, multiple=(2, 1)) for name in ("uyvy", "yuv422")},
    **{name: Layout(partial(_two_planes, first), rows=1.5, multiple=(2, 2)) for first, name in enumerate(("nv12", "nv21"))},
    **{f"bayer_{pattern}8": Layout(partial(_mosaic, pattern), smallest=2) for pattern in PATTERNS},
}


def raw_image(message: Any, camera: str = "camera") -> AnyImage:
    """A `sensor_msgs/Image`, of rclpy or of a bag, as (H, W, 3) uint8 RGB: a view on its data, or a function that computes it.

    Rows may be padded (`step` bytes each). `camera` is the input's name in errors. What is wrong is told now, not by the function.

    Raises:
        ObservationError: the encoding is not supported, or size, step and data disagree.
    """
    encoding, height, width, step = message.encoding, message.height, message.width, message.step
    layout = ENCODINGS.get(encoding)
    if layout is None:
        raise ObservationError(f"{camera}: encoding '{encoding}' is not supported; supported are {sorted(ENCODINGS)}", (camera,))
    raw = np.frombuffer(message.data, dtype=np.uint8)
    row, rows = width * layout.pixel, round(height * layout.rows)
    across, down = layout.multiple
    if min(height, width) < layout.smallest or width % across or height % down:
        needed = f"a width and a height of at least {max(layout.smallest, across)}"
        even = " and an even width" * (across == 2) + " and height" * (down == 2)
        raise ObservationError(f"{camera}: a {width} x {height} {encoding} image needs {needed}{even}", (camera,))
    if step < row or raw.size != rows * step:
        lines = "height" if layout.rows == 1.0 else f"{layout.rows:g} height"
        raise ObservationError(
            f"{camera}: a {width} x {height} {encoding} image needs step >= {row} and {lines} * step bytes, "
            f"got step {step} and {raw.size} bytes",
            (camera,),
        )
    return layout.to_rgb(raw.reshape(rows, step)[:, :row], message.is_bigendian)
