"""A colour filter's mosaic to RGB, against the definition pixel by pixel and against what OpenCV gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.sensing.bayer import PATTERNS, bayer_to_rgb

MOSAIC = np.array([[7, 200, 31, 90], [12, 255, 66, 3], [91, 18, 140, 77], [250, 33, 8, 61]], np.uint8)
# The middle (2, 2, 3) of cvtColor(COLOR_BayerBG2RGB) and so on, OpenCV 5.0.0, of MOSAIC.
OPENCV = {
    "rggb": [[[67, 74, 255], [86, 66, 129]], [[116, 18, 144], [140, 42, 88]]],
    "bggr": [[[255, 74, 67], [129, 66, 86]], [[144, 18, 116], [88, 42, 140]]],
    "gbrg": [[[39, 255, 109], [66, 107, 96]], [[84, 130, 18], [37, 140, 48]]],
    "grbg": [[[109, 255, 39], [96, 107, 66]], [[18, 130, 84], [48, 140, 37]]],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_inside_it_is_what_opencv_makes_of_it(pattern: str) -> None:
    np.testing.assert_array_equal(bayer_to_rgb(MOSAIC, pattern)[1:-1, 1:-1], OPENCV[pattern])


@given(height=st.integers(2, 7), width=st.integers(2, 7), pattern=st.sampled_from(PATTERNS), seed=st.integers(0, 999))
def test_every_colour_is_the_mean_of_its_nearest_values(height: int, width: int, pattern: str, seed: int) -> None:
    mosaic = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    rgb = bayer_to_rgb(mosaic, pattern)

    def mirrored(at: int, size: int) -> int:
        return -at if at < 0 else 2 * (size - 1) - at if at >= size else at

    for row in range(height):
        for column in range(width):
            near: dict[str, dict[int, list[int]]] = {c: {} for c in "rgb"}  # colour -> distance squared -> values
            for y in (row - 1, row, row + 1):
                for x in (column - 1, column, column + 1):
                    value = int(mosaic[mirrored(y, height), mirrored(x, width)])
                    near[pattern[2 * (y % 2) + x % 2]].setdefault((y - row) ** 2 + (x - column) ** 2, []).append(value)
            for channel, colour in enumerate("rgb"):
                values = near[colour][min(near[colour])]
                assert rgb[row, column, channel] == int(sum(values) / len(values) + 0.5)
