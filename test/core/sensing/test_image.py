"""Image messages to RGB."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.sensing.image import CHANNELS, ENCODINGS, raw_image

ORDER = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "rgba": [0, 1, 2, 3], "bgra": [2, 1, 0, 3], "mono": [0]}
ORDER |= {"8UC1": ORDER["mono"], "8UC3": ORDER["bgr"], "8UC4": ORDER["bgra"]}
DIRECT = sorted([*(f"{order}{bits}" for order in CHANNELS for bits in (8, 16)), "8UC1", "8UC3", "8UC4"])
Y, CB, CR = 150, 90, 170  # of one colour, which the test of the arithmetic knows too
COLOUR, LIGHTER = [223, 137, 79], [246, 160, 103]  # the same 20 brighter, as OpenCV has it


def decoded(message: Image) -> np.ndarray:
    image = raw_image(message)
    return image() if callable(image) else image


def _message(rgb: np.ndarray, encoding: str, padding: int, big: bool = False) -> Image:
    """Write an image as a driver would: channels in the encoding's order, each row followed by `padding` bytes of rubbish."""
    height, width, _ = rgb.shape
    name = encoding if encoding in ORDER else encoding.rstrip("0123456789")
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
    encoding=st.sampled_from(DIRECT),
    seed=st.integers(0, 1000),
    big=st.booleans(),
)
def test_channels_in_every_order_give_back_the_picture(height: int, width: int, padding: int, encoding: str, seed: int, big: bool) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if encoding in ("mono8", "mono16", "8UC1"):
        rgb[...] = rgb[..., :1]
    received = deserialize_message(serialize_message(_message(rgb, encoding, padding, big)), Image)
    np.testing.assert_array_equal(decoded(received), rgb)


@pytest.mark.parametrize("encoding", DIRECT)
def test_no_pixel_is_copied(encoding: str) -> None:
    message = _message(np.zeros((480, 640, 3), np.uint8), encoding, 0)
    assert np.shares_memory(decoded(message), np.frombuffer(message.data, np.uint8))


def raw(encoding: str, rows: np.ndarray, width: int, height: int, padding: int = 0) -> Image:
    """A message of rows (n, bytes) as they are, each followed by rubbish."""
    data = np.concatenate([rows.astype(np.uint8), np.full((len(rows), padding), 99, np.uint8)], axis=1)
    return Image(height=height, width=width, step=data.shape[1], encoding=encoding, data=data.tobytes())


@pytest.mark.parametrize(
    ("names", "order"),
    [(("yuyv", "yuv422_yuy2"), [Y, CB, Y + 20, CR]), (("uyvy", "yuv422"), [CB, Y, CR, Y + 20])],
)
@pytest.mark.parametrize("padding", [0, 6])
def test_pairs_of_pixels_share_their_colour(names: tuple[str, str], order: list[int], padding: int) -> None:
    for name in names:
        message = deserialize_message(serialize_message(raw(name, np.tile(order, (3, 2)), 4, 3, padding)), Image)
        rgb = decoded(message)
        assert rgb.shape == (3, 4, 3)
        np.testing.assert_array_equal(rgb[:, ::2], np.tile(COLOUR, (3, 2, 1)))
        np.testing.assert_array_equal(rgb[:, 1::2], np.tile(LIGHTER, (3, 2, 1)))


@pytest.mark.parametrize(("name", "pair"), [("nv12", [CB, CR]), ("nv21", [CR, CB])])
@pytest.mark.parametrize("padding", [0, 6])
def test_two_planes_have_half_as_many_rows_more_than_the_message_says(name: str, pair: list[int], padding: int) -> None:
    rows = np.concatenate([np.full((4, 6), Y), np.tile(pair, (2, 3))])
    rgb = decoded(raw(name, rows, 6, 4, padding))
    np.testing.assert_array_equal(rgb, np.tile(COLOUR, (4, 6, 1)))


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("padding", [0, 3])
def test_a_mosaic_of_one_colour_is_that_colour(pattern: str, padding: int) -> None:
    filtered = np.array([COLOUR["rgb".index(c)] for c in pattern]).reshape(2, 2)
    rgb = decoded(raw(f"bayer_{pattern}8", np.tile(filtered, (3, 3))[:5], 6, 5, padding))
    np.testing.assert_array_equal(rgb, np.tile(COLOUR, (5, 6, 1)))


def test_every_encoding_is_one_that_these_tests_know() -> None:
    computed = ["yuyv", "yuv422_yuy2", "uyvy", "yuv422", "nv12", "nv21", *(f"bayer_{p}8" for p in ("rggb", "bggr", "gbrg", "grbg"))]
    assert sorted(ENCODINGS) == sorted([*DIRECT, *computed])


@pytest.mark.parametrize("encoding", ["yuyv", "nv21", "bayer_gbrg8"])
def test_what_has_to_be_computed_is_computed_by_whoever_looks(encoding: str) -> None:
    rows = np.zeros((round(4 * ENCODINGS[encoding].rows), 6 * ENCODINGS[encoding].pixel))
    image = raw_image(raw(encoding, rows, 6, 4))
    assert callable(image) and image().shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("encoding", "shape", "width", "height", "text"),
    [
        ("yuyv", (4, 10), 5, 4, "a 5 x 4 yuyv image needs a width and a height of at least 2 and an even width$"),
        ("uyvy", (4, 11), 6, 4, "step >= 12 and height . step bytes, got step 11 and 44 bytes"),
        ("nv12", (6, 5), 5, 4, "of at least 2 and an even width and height$"),
        ("nv21", (4, 6), 6, 3, "an even width and height$"),
        ("nv12", (4, 6), 6, 4, r"a 6 x 4 nv12 image needs step >= 6 and 1\.5 height . step bytes, got step 6 and 24 bytes"),
        ("nv21", (4, 12), 6, 4, "got step 12 and 48 bytes"),
        ("bayer_rggb8", (1, 6), 6, 1, "of at least 2$"),
    ],
)
def test_sizes_that_an_encoding_cannot_have_are_refused(encoding: str, shape: tuple[int, int], width: int, height: int, text: str) -> None:
    with pytest.raises(ObservationError, match=text) as error:
        raw_image(raw(encoding, np.zeros(shape), width, height), "camera_wrist")
    assert error.value.inputs == ("camera_wrist",) and str(error.value).startswith("camera_wrist: a ")


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
        decoded(message)
    assert error.value.inputs == ("camera",)
