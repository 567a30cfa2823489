"""Brightness and colour differences to RGB, against BT.601's own equations and against what OpenCV gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.sensing.yuv import BLOCK, yuv_to_rgb

# cvtColor(COLOR_YUV2RGB_YUYV), OpenCV 5.0.0, of these pairs of pixels: Y, Cb, Y, Cr.
PAIRS = np.array([[81, 90, 16, 240], [145, 54, 235, 34], [0, 0, 255, 255], [41, 240, 128, 110], [200, 13, 7, 131]], np.uint8)
OPENCV = np.array(
    [
        [[254, 0, 0], [179, 0, 0]],
        [[0, 255, 1], [105, 255, 106]],
        [[203, 0, 0], [255, 225, 20]],
        [[0, 0, 255], [102, 101, 255]],
        [[219, 255, 0], [5, 43, 0]],
    ],
    np.uint8,
)  # (5, 2, 3)


def by_definition(y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """BT.601, limited range, from the weights of red and blue in the brightness; (..., 3) not rounded."""
    red, blue = 0.299, 0.114
    light, b, r = (y - 16.0) / 219.0, (cb - 128.0) / 224.0, (cr - 128.0) / 224.0
    rgb = [light + 2 * (1 - red) * r, light + 2 * (1 - blue) * b]
    green = (light - red * rgb[0] - blue * rgb[1]) / (1 - red - blue)
    return np.clip(255.0 * np.stack([rgb[0], green, rgb[1]], axis=-1), 0.0, 255.0)


def test_it_is_what_opencv_makes_of_it() -> None:
    y, cb, cr = PAIRS[:, ::2], PAIRS[:, 1:2], PAIRS[:, 3:4]
    np.testing.assert_array_equal(yuv_to_rgb(y, cb, cr), OPENCV)


def test_black_white_and_primary_colours_are_those_of_the_standard() -> None:
    named = {(16, 128, 128): (0, 0, 0), (235, 128, 128): (255, 255, 255), (81, 90, 240): (255, 0, 0), (145, 54, 34): (0, 255, 0)}
    for (y, cb, cr), rgb in named.items():
        planes = (np.full(size, value, np.uint8) for size, value in (((1, 2), y), ((1, 1), cb), ((1, 1), cr)))
        assert np.abs(yuv_to_rgb(*planes).astype(int) - rgb).max() <= 2


@given(rows=st.integers(1, 5), columns=st.integers(1, 6), lines=st.sampled_from([1, 2]), legal=st.booleans(), seed=st.integers(0, 999))
def test_every_pixel_is_within_rounding_of_the_standard(rows: int, columns: int, lines: int, legal: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = (16, 236) if legal else (16, 256)  # below 16 the standard goes on where OpenCV stops
    y = rng.integers(low, high, (rows * lines, columns * 2), dtype=np.uint8)
    cb, cr = (rng.integers(0, 256, (rows, columns), dtype=np.uint8) for _ in range(2))
    wide = (plane.repeat(lines, axis=0).repeat(2, axis=1) for plane in (cb, cr))
    assert np.abs(yuv_to_rgb(y, cb, cr) - by_definition(y, *wide)).max() < 1.3  # of which 0.5 are rounding, the rest three digits of 1.164


@pytest.mark.parametrize("lines", [1, 2])
def test_an_image_of_many_blocks_is_that_of_its_parts(lines: int) -> None:
    rng, width = np.random.default_rng(0), 640
    rows = 2 * BLOCK // width + 3
    y = rng.integers(0, 256, (rows * lines, width), dtype=np.uint8)
    cb, cr = (rng.integers(0, 256, (rows, width // 2), dtype=np.uint8) for _ in range(2))
    parts = [yuv_to_rgb(y[i * lines : (i + 1) * lines], cb[i : i + 1], cr[i : i + 1]) for i in range(rows)]
    np.testing.assert_array_equal(yuv_to_rgb(y, cb, cr), np.concatenate(parts))
