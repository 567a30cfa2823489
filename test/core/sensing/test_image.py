"""Image messages to RGB."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.image import ENCODINGS, image_to_rgb

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
