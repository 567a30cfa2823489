"""Messages to arrays and back."""

from __future__ import annotations

import io
import zlib

import numpy as np
import PIL.Image
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Int16MultiArray

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.image import ENCODINGS
from neon_control.nodes.conversions import audio_to_samples, image_to_rgb, stamp_to_nanoseconds
from neon_control.runtime.decoding.compressed_images import decode_compressed

ORDER = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "rgba": [0, 1, 2, 3], "bgra": [2, 1, 0, 3], "mono": [0]}


def _message(rgb: np.ndarray, encoding: str, padding: int, big: bool = False) -> Image:
    """Write an image as a driver would: channels in the encoding's order, each row followed by `padding` bytes of rubbish."""
    height, width, _ = rgb.shape
    name = encoding.rstrip("0123456789")
    pixels = np.concatenate([rgb, np.full((height, width, 1), 7, np.uint8)], axis=-1)[..., ORDER[name]]
    if encoding.endswith("16"):
        pixels = (pixels.astype(np.uint16) << 8 | 0x5A).astype(">u2" if big else "<u2")
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    data = np.concatenate([rows, np.full((height, padding), 99, np.uint8)], axis=1)
    return Image(height=height, width=width, step=data.shape[1], encoding=encoding, data=data.tobytes(), is_bigendian=int(big))


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    padding=st.integers(0, 9),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    seed=st.integers(0, 1000),
    big=st.booleans(),
)
def test_every_encoding_gives_back_the_picture(height: int, width: int, padding: int, encoding: str, seed: int, big: bool) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if encoding.startswith("mono"):
        rgb[...] = rgb[..., :1]
    received = deserialize_message(serialize_message(_message(rgb, encoding, padding, big)), Image)
    np.testing.assert_array_equal(image_to_rgb(received), rgb)


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_no_pixel_is_copied(encoding: str) -> None:
    message = _message(np.zeros((480, 640, 3), np.uint8), encoding, 0)
    assert np.shares_memory(image_to_rgb(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"encoding": "jpeg2000"}, "encoding 'jpeg2000' is not supported; supported are"),
        ({"step": 17}, "step >= 18 .* got step 17"),
        ({"data": b"123"}, "got step 20 and 3 bytes"),
        ({"height": 0}, "a 6 x 0 rgb8 image"),
        ({"width": 0}, "a 0 x 4 rgb8 image"),
    ],
)
def test_images_that_contradict_themselves_are_refused(fields: dict[str, object], text: str) -> None:
    message = _message(np.zeros((4, 6, 3), np.uint8), "rgb8", 2)
    for name, value in fields.items():
        setattr(message, name, value)
    with pytest.raises(ObservationError, match=text) as error:
        image_to_rgb(message)
    assert error.value.inputs == ("camera",)


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_samples_survive_the_wire(values: list[int]) -> None:
    message = deserialize_message(serialize_message(Int16MultiArray(data=values)), Int16MultiArray)
    samples = audio_to_samples(message)
    assert samples.dtype == np.int16 and samples.tolist() == values


@given(sec=st.integers(0, 2**31 - 1), nanosec=st.integers(0, 999_999_999))
def test_stamps_are_exact_nanoseconds(sec: int, nanosec: int) -> None:
    assert stamp_to_nanoseconds(Time(sec=sec, nanosec=nanosec)) == sec * 10**9 + nanosec


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
