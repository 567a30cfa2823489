"""Compressed images (JPEG, PNG) to RGB; the live node and the reader of recordings share it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from neon_control.core.errors import ObservationError

FORMATS = ("JPEG", "PNG")


def decode_compressed(data: bytes, camera: str = "camera") -> np.ndarray:
    """The data of a `sensor_msgs/CompressedImage` to (H, W, 3) uint8 RGB.

    What the file itself says counts, not the message's `format` text, which drivers fill in differently.
    `camera` is the input's name in errors.

    Raises:
        ObservationError: no JPEG or PNG, or a damaged one.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.mode.startswith("I"):  # 16 bits of grey: the high byte, as for raw images
                grey = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
                return np.broadcast_to(grey[..., None], (*grey.shape, 3))
            return np.asarray(picture.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
        raise ObservationError(
            f"{camera}: {len(data)} bytes of compressed image cannot be decoded as JPEG or PNG: {error}", (camera,)
        ) from error
