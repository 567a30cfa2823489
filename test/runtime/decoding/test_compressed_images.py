"""JPEG and PNG to RGB."""

from __future__ import annotations

import io
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.runtime.decoding.compressed_images import decode_compressed


def _encode(rgb: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(rgb).save(stream, kind, **options)
    return stream.getvalue()


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 1000))
def test_a_png_comes_back_exactly(height: int, width: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_compressed(_encode(rgb, "PNG")), rgb)


def test_a_jpeg_comes_back_nearly_with_red_still_red() -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, :32] = (200, 30, 10)
    assert np.abs(decode_compressed(_encode(rgb, "JPEG", quality=95)).astype(int) - rgb).mean() < 3.0


def test_grey_and_transparent_files_become_rgb() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(decode_compressed(_encode(grey, "PNG")), np.repeat(grey[..., None], 3, axis=2))
    deep = grey.astype(np.uint16) << 8 | 0x5A
    np.testing.assert_array_equal(decode_compressed(_encode(deep, "PNG")), np.repeat(grey[..., None], 3, axis=2))
    rgba = np.dstack([grey, grey // 2, grey // 3, np.full_like(grey, 9)])
    np.testing.assert_array_equal(decode_compressed(_encode(rgba, "PNG")), rgba[..., :3])


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty", "gif"])
def test_damaged_files_are_observation_errors(damage: str) -> None:
    good = _encode(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), "GIF" if damage == "gif" else "PNG")
    data = {"cut": good[: len(good) // 2], "rubbish": b"no picture at all", "empty": b"", "gif": good}[damage]
    with pytest.raises(ObservationError, match="cannot be decoded as JPEG or PNG") as error:
        decode_compressed(data)
    assert error.value.inputs == ("camera",)


def test_a_small_file_that_claims_a_huge_image_is_refused_before_it_is_decoded() -> None:
    header = bytearray(_encode(np.zeros((1, 1), np.uint8), "PNG"))
    header[16:24] = (10000).to_bytes(4, "big") + (5000).to_bytes(4, "big")
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(ObservationError, match="10000 x 5000 pixels, the limit is"):
        decode_compressed(bytes(header))
