"""From a camera image to the pixels that the vision encoder sees; training and the live node both call this."""

from __future__ import annotations

import numpy as np
from PIL import Image

from neon_control.core.common.errors import ObservationError

NETWORK_WIDTH, NETWORK_HEIGHT = 320, 240  # [px] what the encoder takes: 4:3, as most robot cameras give
PADDING = 127  # grey: zero after the encoder's own normalisation

# How an image of another aspect ratio becomes 4:3; a policy says which one it was trained with.
FITS = {
    "stretch": "the whole field of view, at the price of the aspect ratio",
    "letterbox": "the whole field of view and the aspect ratio, with grey bars",
    "crop": "the aspect ratio and full resolution, without what lies outside of the middle",
}


def to_network_size(image: np.ndarray, fit: str = "stretch") -> np.ndarray:
    """Resize an image of any size to the encoder's, with antialiasing.

    Args:
        image: (H, W, 3) uint8 RGB.
        fit: one of `FITS`; it makes a difference where the aspect ratio is not 4:3.

    Returns:
        (240, 320, 3) uint8 RGB; the input itself if it has that size already.

    Raises:
        ObservationError: not an (H, W, 3) uint8 array.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ObservationError(f"image has shape {image.shape} and type {image.dtype}, needs (H, W, 3) uint8")
    height, width = image.shape[:2]
    if (height, width) == (NETWORK_HEIGHT, NETWORK_WIDTH):
        return image
    if fit == "crop":
        scale = max(NETWORK_HEIGHT / height, NETWORK_WIDTH / width)
        middle = _middle(height, width, min(height, round(NETWORK_HEIGHT / scale)), min(width, round(NETWORK_WIDTH / scale)))
        return _resize(image[middle], NETWORK_HEIGHT, NETWORK_WIDTH)
    if fit == "letterbox":
        scale = min(NETWORK_HEIGHT / height, NETWORK_WIDTH / width)
        inner = max(1, round(scale * height)), max(1, round(scale * width))
        out = np.full((NETWORK_HEIGHT, NETWORK_WIDTH, 3), PADDING, np.uint8)
        out[_middle(NETWORK_HEIGHT, NETWORK_WIDTH, *inner)] = _resize(image, *inner)
        return out
    return _resize(image, NETWORK_HEIGHT, NETWORK_WIDTH)


def _middle(height: int, width: int, inner_height: int, inner_width: int) -> tuple[slice, slice]:
    """The rows and columns of a rectangle in the middle of a larger one."""
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    return slice(top, top + inner_height), slice(left, left + inner_width)


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.strides[2] < 0:  # a view on BGR, which numpy is slow to turn; channels do not mix, so turn the small one
        return _resize(image[..., ::-1], height, width)[..., ::-1]
    # Pillow widens the bilinear kernel when it shrinks, which is the antialiasing.
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
