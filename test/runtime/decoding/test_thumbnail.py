from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from neon_control.runtime.decoding.thumbnail import thumbnail


@pytest.mark.parametrize(("shape", "size"), [((480, 640, 3), (96, 72)), ((20, 30, 3), (30, 20)), ((100, 1000, 3), (288, 29))])
def test_a_picture_is_a_jpeg_that_fits_and_is_never_enlarged(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    assert Image.open(io.BytesIO(thumbnail(np.zeros(shape, np.uint8), 72))).size == size
