"""What is cut out of a picture, turned and mirrored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.view import FLIPS, PLAIN, TURNS, Crop, View, in_words

LETTERS = np.array([list("abc"), list("def")])  # (2, 3)


def views(edge: st.SearchStrategy[float]) -> st.SearchStrategy[View | None]:
    """Any view whose edges are drawn so; None where nothing would be left."""

    def view(edges: tuple[float, ...], rotate: int, flip: str) -> View | None:
        (left, right), (top, bottom) = sorted(edges[:2]), sorted(edges[2:])
        return None if left == right or top == bottom else View(crop=Crop(left, top, right, bottom), rotate=rotate, flip=flip)

    return st.builds(view, st.tuples(*[edge] * 4), st.sampled_from(TURNS), st.sampled_from(FLIPS))


SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def seen(**how: object) -> list[str]:
    picture = np.repeat(LETTERS[..., None], 3, axis=2)
    return ["".join(row) for row in View(**how).of(picture)[..., 0]]


def test_a_picture_is_turned_clockwise_and_mirrored() -> None:
    assert seen() == ["abc", "def"]
    assert seen(rotate=90) == ["da", "eb", "fc"]
    assert seen(rotate=180) == ["fed", "cba"]
    assert seen(rotate=270) == ["cf", "be", "ad"]
    assert seen(flip="horizontal") == ["cba", "fed"]
    assert seen(flip="vertical") == ["def", "abc"]


def test_first_it_is_cut_then_turned_then_mirrored() -> None:
    assert seen(crop=Crop(left=1 / 3)) == ["bc", "ef"]
    assert seen(crop=Crop(left=1 / 3), rotate=90) == ["eb", "fc"]
    assert seen(crop=Crop(left=1 / 3), rotate=90, flip="horizontal") == ["be", "cf"]


def test_edges_are_fractions_and_hold_at_every_resolution() -> None:
    crop = Crop(left=0.25, top=0.1, right=0.75, bottom=0.9)
    assert crop.of((480, 640)) == (slice(48, 432), slice(160, 480))
    assert crop.of((240, 320)) == (slice(24, 216), slice(80, 240))


@given(size=SIZES, view=views(st.floats(0.0, 1.0)))
def test_something_is_always_left_and_nothing_is_copied(size: tuple[int, int], view: View | None) -> None:
    if view is None:
        return
    image = np.zeros((*size, 3), np.uint8)
    part = view.of(image)
    assert part.size and np.shares_memory(part, image)
    whole = part.shape[:2] if view.rotate % 180 == 0 else part.shape[1::-1]
    assert all(1 <= left <= given for left, given in zip(whole, size, strict=True))


@given(size=SIZES, view=views(st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.55, 0.9, 1.0])))
def test_what_is_seen_can_be_put_back_to_where_it_came_from(size: tuple[int, int], view: View | None) -> None:
    if view is None:
        return
    seen = np.random.default_rng(0).integers(1, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(view.of(view.before(seen)), seen)


def test_a_part_that_is_too_small_a_share_of_its_picture_is_not_put_back() -> None:
    with pytest.raises(ConfigError, match="of no picture of at most"):
        View(crop=Crop(right=1e-6)).before(np.zeros((24, 32, 3), np.uint8))


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"rotate": 45}, r"rotate must be one of \[0, 90, 180, 270\], got 45"),
        ({"flip": "sideways"}, "flip must be one of"),
        ({"crop": {"left": 0.5, "right": 0.5}}, "left must be < right and top < bottom"),
        ({"crop": {"bottom": 240}}, "crop.bottom must be a finite number from 0.0 to 1.0, got 240"),
    ],
)
def test_what_makes_no_picture_is_refused(how: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        View(**how)


def test_a_view_is_told_in_words() -> None:
    assert in_words(PLAIN) == "plain"
    assert in_words(View(crop=Crop(right=0.5), rotate=90, flip="vertical")) == "crop 0 0 0.5 1, rotate 90, flip vertical"


def test_the_size_of_what_is_seen_is_that_of_the_array() -> None:
    for view in (PLAIN, View(rotate=90), View(crop=Crop(left=0.3, bottom=0.55), rotate=270), View(crop=Crop(top=0.999))):
        for height, width in ((480, 640), (7, 5), (1, 1)):
            assert view.size_of(width, height) == view.of(np.zeros((height, width, 3), np.uint8)).shape[1::-1]
