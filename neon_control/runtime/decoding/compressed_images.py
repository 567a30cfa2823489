"""Compressed images (JPEG, PNG) to RGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.image import MAX_PIXELS

FORMATS = ("JPEG", "PNG")


def decode_compressed(data: bytes, camera: str = "camera") -> np.ndarray:
    """The data of a `sensor_msgs/CompressedImage` to (H, W, 3) uint8 RGB.

    What the file itself says counts, not the message's `format` text, which drivers fill in differently.
    `camera` is the input's name in errors.

    Raises:
        ObservationError: no JPEG or PNG, a damaged one, or one of more than `MAX_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            # Known from its header: 20 kB of PNG can claim ten 8K frames, and would hold up what waits for the next image for seconds.
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"it says {picture.width} x {picture.height} pixels, the limit is {MAX_PIXELS}")
            if picture.mode.startswith("I"):  # 16 bits of grey: the high byte, as for raw images
                grey = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
                return np.broadcast_to(grey[..., None], (*grey.shape, 3))
            return np.asarray(picture.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
        raise ObservationError(
            f"{camera}: {len(data)} bytes of compressed image cannot be decoded as JPEG or PNG: {error}", (camera,)
        ) from error


def header_of(data: bytes) -> tuple[str, int, int] | None:
    """Format (jpeg, png), width and height [pixels], as the file's first bytes say; None where they say none."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return str(picture.format).lower(), picture.width, picture.height
    except Exception:  # as above; whoever decodes it says why
        return None
