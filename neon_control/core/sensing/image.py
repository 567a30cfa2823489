"""Raw image bytes to RGB, without copying where the layout allows; the live node and the reader of recordings share it."""

from __future__ import annotations

import numpy as np

from neon_control.core.common.errors import ObservationError

# encoding -> (channels, index of R, G and B among them, bytes of a channel); None: grey, the one channel stands for all three
ENCODINGS: dict[str, tuple[int, tuple[int, int, int] | None, int]] = {
    "rgb8": (3, (0, 1, 2), 1),
    "bgr8": (3, (2, 1, 0), 1),
    "rgba8": (4, (0, 1, 2), 1),
    "bgra8": (4, (2, 1, 0), 1),
    "mono8": (1, None, 1),
    "rgb16": (3, (0, 1, 2), 2),
    "bgr16": (3, (2, 1, 0), 2),
    "rgba16": (4, (0, 1, 2), 2),
    "bgra16": (4, (2, 1, 0), 2),
    "mono16": (1, None, 2),
}


def decode_image(encoding: str, height: int, width: int, step: int, data: object, is_bigendian: bool = False) -> np.ndarray:
    """The fields of a `sensor_msgs/Image` to (H, W, 3) uint8 RGB, a view on its data.

    Rows may be padded (`step` bytes each). Of 16-bit channels the high byte is taken, so `is_bigendian` must be right for them;
    it says nothing about single bytes.

    Raises:
        ObservationError: the encoding is not supported, or size, step and data disagree.
    """
    if encoding not in ENCODINGS:
        raise ObservationError(f"camera: encoding '{encoding}' is not supported; supported are {sorted(ENCODINGS)}", ("camera",))
    channels, order, size = ENCODINGS[encoding]
    raw = np.frombuffer(data, dtype=np.uint8)  # type: ignore[call-overload]
    row = width * channels * size
    if height == 0 or width == 0 or step < row or raw.size != height * step:
        raise ObservationError(
            f"camera: a {width} x {height} {encoding} image needs step >= {row} and height * step bytes, "
            f"got step {step} and {raw.size} bytes",
            ("camera",),
        )
    high_byte = 0 if is_bigendian else size - 1
    pixels: np.ndarray = raw.reshape(height, step)[:, high_byte:row:size].reshape(height, width, channels)
    if order is None:
        return np.broadcast_to(pixels, (height, width, 3))
    first, _, last = order
    return pixels[..., :3] if first < last else pixels[..., 2::-1]
