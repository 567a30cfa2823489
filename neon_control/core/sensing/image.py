"""Raw image bytes to RGB, without copying where the layout allows; the live node and the reader of recordings share it."""

from __future__ import annotations

from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError

MAX_PIXELS = 7680 * 4320  # an 8K frame
CHANNELS = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "mono": 1}  # of mono, the one channel stands for all three colours
ENCODINGS = {f"{order}{8 * size}": (order, size) for order in CHANNELS for size in (1, 2)}  # size: [bytes] of a channel


def image_to_rgb(message: Any) -> np.ndarray:
    """A `sensor_msgs/Image`, of rclpy or of a bag, to (H, W, 3) uint8 RGB, a view on its data.

    Rows may be padded (`step` bytes each). Of 16-bit channels the high byte is taken, so `is_bigendian` must be right for them;
    it says nothing about single bytes.

    Raises:
        ObservationError: the encoding is not supported, or size, step and data disagree.
    """
    encoding, height, width, step = message.encoding, message.height, message.width, message.step
    if encoding not in ENCODINGS:
        raise ObservationError(f"camera: encoding '{encoding}' is not supported; supported are {sorted(ENCODINGS)}", ("camera",))
    order, size = ENCODINGS[encoding]
    raw = np.frombuffer(message.data, dtype=np.uint8)
    row = width * CHANNELS[order] * size
    if height == 0 or width == 0 or step < row or raw.size != height * step:
        raise ObservationError(
            f"camera: a {width} x {height} {encoding} image needs step >= {row} and height * step bytes, "
            f"got step {step} and {raw.size} bytes",
            ("camera",),
        )
    high_byte = 0 if message.is_bigendian else size - 1
    pixels: np.ndarray = raw.reshape(height, step)[:, high_byte:row:size].reshape(height, width, CHANNELS[order])
    if order == "mono":
        return np.broadcast_to(pixels, (height, width, 3))
    return pixels[..., :3] if order.startswith("rgb") else pixels[..., 2::-1]
