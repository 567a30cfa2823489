"""Images read where they lie, against what rclpy makes of the same bytes; and what is refused."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.image import raw_image
from neon_control.nodes.wire_images import IMAGE_BYTES, read_compressed_image, read_image

TEXTS = st.text("abcäö", max_size=9)
NUMBERS = st.integers(0, 2**32 - 1)


@given(TEXTS, st.integers(-(2**31), 2**31 - 1), NUMBERS, TEXTS, st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.integers(0, 1))
def test_an_image_has_the_fields_that_rclpy_finds(
    frame: str, seconds: int, nanoseconds: int, encoding: str, height: int, width: int, step: int, big: int
) -> None:
    message = Image(
        height=height, width=width, encoding=encoding, step=step, is_bigendian=big, data=np.arange(height * step, dtype=np.uint8)
    )
    message.header.frame_id, message.header.stamp.sec, message.header.stamp.nanosec = frame, seconds, nanoseconds
    data = serialize_message(message)
    view, expected = read_image(data), deserialize_message(data, Image)
    for field in ("header", "height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(view, field) == getattr(expected, field)
    assert bytes(view.data) == bytes(expected.data)


@given(TEXTS, TEXTS, st.binary(max_size=40))
def test_a_compressed_image_has_the_fields_that_rclpy_finds(frame: str, kind: str, content: bytes) -> None:
    message = CompressedImage(format=kind, data=content)
    message.header.frame_id = frame
    view = read_compressed_image(serialize_message(message))
    assert (view.header, view.format, bytes(view.data)) == (message.header, kind, content)


def test_the_pixels_are_a_view_on_the_message() -> None:
    data = serialize_message(Image(height=2, width=3, step=9, encoding="rgb8", data=bytes(range(18))))
    pixels = raw_image(read_image(data))
    assert pixels.tolist() == np.arange(18).reshape(2, 3, 3).tolist()
    assert np.shares_memory(pixels, np.frombuffer(data, np.uint8))


def claims(height: int, width: int, step: int, length: int, there: int = 100) -> bytes:
    """An Image that claims so much, and has `there` bytes of data."""
    head = struct.pack("<4s2I2I", b"\0\1\0\0", 1, 0, 1, 0)  # no frame
    return head + struct.pack("<3I8s2I", height, width, 5, b"rgb8", step, length) + bytes(there)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (claims(1, 1, 3, 2**32 - 1), "4294967295 bytes of data are claimed, 100 are there"),
        (claims(2**31, 1, 3, 100), "pixels, the limit is 33177600"),
        (claims(100, 1, 3, 100), "100 rows of 3 bytes, got 100 bytes"),
        (claims(1, 1, 3, 3)[:40], "40 bytes that are no Image"),
        (b"", "0 bytes that are no Image"),
        (bytes(IMAGE_BYTES + 1), f"a message of {IMAGE_BYTES + 1} bytes, at most {IMAGE_BYTES} are read"),
    ],
    ids=["data", "pixels", "rows", "cut off", "empty", "too large"],
)
def test_images_that_cannot_be_are_refused_with_the_reason(data: bytes, text: str) -> None:
    with pytest.raises(ObservationError, match=text):
        read_image(data)


@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_passed(data: bytes) -> None:
    for read in (read_image, read_compressed_image):
        for whole in (data, b"\0\1\0\0" + data):
            with contextlib.suppress(ObservationError):
                read(whole)
