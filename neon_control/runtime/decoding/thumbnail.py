"""Small pictures for reports."""

from __future__ import annotations

import io

import numpy as np


def thumbnail(image: np.ndarray, height: int) -> bytes:
    """A JPEG of an image (H, W, 3), at most `height` high and four times as wide [pixels]."""
    from PIL import Image  # here: only a report needs it

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((4 * height, height))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=70)
    return stream.getvalue()
