"""The one resize that training and the live node share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neon_control.core.common.errors import ObservationError
from neon_control.runtime.encoders.preprocessing import FITS, NETWORK_HEIGHT, NETWORK_WIDTH, PADDING, to_network_size


@given(height=st.integers(1, 700), width=st.integers(1, 700), value=st.integers(0, 255))
@settings(max_examples=30)
def test_any_size_becomes_the_network_size_and_keeps_a_flat_colour(height: int, width: int, value: int) -> None:
    out = to_network_size(np.full((height, width, 3), value, np.uint8))
    assert out.shape == (NETWORK_HEIGHT, NETWORK_WIDTH, 3) and out.dtype == np.uint8
    assert (out == value).all()


def test_fine_stripes_average_out_instead_of_aliasing() -> None:
    image = np.zeros((960, 1280, 3), np.uint8)
    image[:, ::2] = 255
    inside = to_network_size(image)[:, 1:-1].astype(int)  # at the border the kernel is cut off
    assert np.abs(inside - 127).max() <= 2


def test_a_spot_keeps_its_relative_place() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[110:130, 470:490] = 255  # centre at (x, y) = (0.75, 0.25) of the image
    weight = to_network_size(image)[..., 0].astype(float)
    y, x = np.indices(weight.shape)
    assert (x * weight).sum() / weight.sum() == pytest.approx(0.75 * NETWORK_WIDTH - 0.5, abs=0.2)
    assert (y * weight).sum() / weight.sum() == pytest.approx(0.25 * NETWORK_HEIGHT - 0.5, abs=0.2)


def test_an_image_of_the_right_size_is_not_copied() -> None:
    image = np.zeros((NETWORK_HEIGHT, NETWORK_WIDTH, 3), np.uint8)
    assert to_network_size(image) is image


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ObservationError, match="needs"):
        to_network_size(image)


def test_a_letterbox_keeps_the_aspect_ratio_and_pads_with_grey() -> None:
    wide = to_network_size(np.full((360, 640, 3), 200, np.uint8), "letterbox")
    assert (wide[30:210] == 200).all() and (wide[:30] == PADDING).all() and (wide[210:] == PADDING).all()
    square = to_network_size(np.full((480, 480, 3), 200, np.uint8), "letterbox")
    assert (square[:, 40:280] == 200).all() and (square[:, :40] == PADDING).all() and (square[:, 280:] == PADDING).all()


def test_a_crop_keeps_the_middle() -> None:
    wide = np.full((480, 1280, 3), 10, np.uint8)
    wide[:, 320:960] = 200
    assert (to_network_size(wide, "crop") == 200).all()
    high = np.full((960, 640, 3), 10, np.uint8)
    high[240:720] = 200
    assert (to_network_size(high, "crop") == 200).all()


def test_at_the_encoders_aspect_ratio_every_fit_is_the_same() -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    stretched, *others = (to_network_size(image, fit) for fit in ("stretch", "letterbox", "crop"))
    for other in others:
        np.testing.assert_array_equal(other, stretched)


@given(height=st.integers(1, 700), width=st.integers(1, 700), fit=st.sampled_from(sorted(FITS)))
@settings(max_examples=30)
def test_every_fit_gives_the_network_size(height: int, width: int, fit: str) -> None:
    assert to_network_size(np.zeros((height, width, 3), np.uint8), fit).shape == (NETWORK_HEIGHT, NETWORK_WIDTH, 3)


@pytest.mark.parametrize("fit", FITS)
def test_a_view_on_bgr_gives_the_same_pixels_as_its_copy(fit: str) -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (480, 848, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_network_size(bgr[..., ::-1], fit), to_network_size(bgr[..., ::-1].copy(), fit))
