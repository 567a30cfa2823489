"""The mosaic behind a sensor's colour filter to RGB, by bilinear interpolation.

Inside the image this is what cv_bridge makes of it, to the last bit: OpenCV's plain demosaicing, which is also image_proc's `debayer: 0`;
its default is a slower one. Beyond the edges, where OpenCV copies its neighbour's colour, the mosaic is mirrored here.
"""

from __future__ import annotations

import numpy as np

PATTERNS = ("rggb", "bggr", "gbrg", "grbg")  # the filter's colours at rows 0 and 1, each at columns 0 and 1
CHANNELS = "rgb"


def bayer_to_rgb(mosaic: np.ndarray, pattern: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a mosaic (H, W) uint8, both at least 2, and one of `PATTERNS`."""
    height, width = mosaic.shape
    padded = np.pad(mosaic.astype(np.uint16), 1, mode="reflect")  # keeps rows and columns in step with the pattern
    rgb = np.empty((height, width, 3), np.uint8)
    for row in (0, 1):
        for column in (0, 1):

            def near(*places: tuple[int, int], row: int = row, column: int = column) -> np.ndarray:
                """Rounded mean of the values so many rows and columns away."""
                total: np.ndarray = sum(
                    padded[1 + row + down : 1 + height + down : 2, 1 + column + right : 1 + width + right : 2] for down, right in places
                )  # type: ignore[assignment]  # an array, since there are places
                total += np.uint16(len(places) // 2)
                total //= np.uint16(len(places))
                return total

            out = rgb[row::2, column::2]
            own, beside, below = (pattern[2 * (row ^ down) + (column ^ right)] for down, right in ((0, 0), (0, 1), (1, 0)))
            out[..., CHANNELS.index(own)] = mosaic[row::2, column::2]
            if own == "g":
                out[..., CHANNELS.index(beside)] = near((0, -1), (0, 1))
                out[..., CHANNELS.index(below)] = near((-1, 0), (1, 0))
            else:
                out[..., 1] = near((0, -1), (0, 1), (-1, 0), (1, 0))
                out[..., CHANNELS.index("b" if own == "r" else "r")] = near((-1, -1), (-1, 1), (1, -1), (1, 1))
    return rgb
