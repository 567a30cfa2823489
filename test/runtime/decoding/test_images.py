"""Messages of both kinds become what is seen of them."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from sensor_msgs.msg import CompressedImage, Image

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.view import Crop
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.runtime.decoding.images import image_of, kind_of

WRIST = Camera("wrist", "wrist/image", crop=Crop(left=0.5), rotate=90, flip="vertical")
RGB = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
SEEN = np.rot90(RGB[:, 3:], -1)[::-1]


def png(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_cameras_view_holds_for_raw_and_for_compressed_images() -> None:
    raw = image_of(Image(height=4, width=6, step=18, encoding="rgb8", data=RGB.tobytes()), WRIST)
    np.testing.assert_array_equal(raw, SEEN)
    compressed = image_of(CompressedImage(data=png(RGB)), WRIST)
    assert callable(compressed)
    np.testing.assert_array_equal(compressed(), SEEN)
    mosaic = image_of(Image(height=4, width=6, step=6, encoding="bayer_rggb8", data=bytes(24)), WRIST)
    assert callable(mosaic) and mosaic().shape == SEEN.shape


def test_without_a_camera_it_is_the_picture_as_it_came() -> None:
    np.testing.assert_array_equal(image_of(Image(height=4, width=6, step=18, encoding="rgb8", data=RGB.tobytes())), RGB)


def test_errors_name_the_camera() -> None:
    with pytest.raises(ObservationError, match=r"camera_wrist: encoding '32FC1' is not supported; supported are .*'nv12'") as error:
        image_of(Image(height=4, width=6, step=24, encoding="32FC1", data=bytes(96)), WRIST)
    assert error.value.inputs == ("camera_wrist",)
    damaged = image_of(CompressedImage(data=b"no image"), WRIST)
    assert callable(damaged)
    with pytest.raises(ObservationError, match="camera_wrist: 8 bytes of compressed image"):
        damaged()


def test_the_kind_of_an_image_is_told_by_the_message_or_the_files_first_bytes_and_its_size_is_what_is_seen() -> None:
    raw = Image(height=4, width=6, step=18, encoding="rgb8", data=RGB.tobytes())
    assert kind_of(raw) == ImageKind("raw", "rgb8", 6, 4)
    assert kind_of(raw, WRIST) == ImageKind("raw", "rgb8", *SEEN.shape[1::-1])
    compressed = CompressedImage(format="jpeg, as a driver says", data=png(RGB))
    assert kind_of(compressed, WRIST) == ImageKind("compressed", "png", *SEEN.shape[1::-1])
    assert kind_of(CompressedImage(data=png(RGB)[:-30])) == ImageKind("compressed", "png", 6, 4), "the rest is not read"
    assert kind_of(CompressedImage(data=b"no image")) is None
