"""Whether images come as in training: what counts as alike, who is told how often, and what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.core.common.fields import Place, read
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.runtime.policy.likeness import MOST_TOLD, Likeness, TrainedKind, differences, kinds_in_words, shares

RAW = ImageKind("raw", "rgb8", 640, 480)
JPEG = ImageKind("compressed", "jpeg", 640, 480)
TRAINED = {"camera": shares({RAW: 100})}


class Heard:
    """A `Likeness` with what it counted and told."""

    def __init__(self, mode: str = "warn", cameras: tuple[str, ...] = ("camera",)) -> None:
        self.counts, self.told = Counter[str](), list[str]()
        self.likeness = Likeness(mode, cameras, lambda name: self.counts.update([name]), self.told.append)


@pytest.mark.parametrize(
    ("kind", "differs"),
    [
        (RAW, ()),
        (ImageKind("raw", "yuyv", 640, 480), ()),
        (ImageKind("compressed", "png", 640, 480), ()),
        (ImageKind("raw", "rgb8", 640, 478), ()),
        (ImageKind("raw", "rgb8", 320, 240), ()),
        (ImageKind("raw", "rgb8", 1280, 960), ()),
        (JPEG, ("compression",)),
        (ImageKind("video", "h264", 640, 480), ("compression",)),
        (ImageKind("raw", "rgb8", 640, 360), ("aspect ratio",)),
        (ImageKind("raw", "rgb8", 1600, 1200), ("size",)),
        (ImageKind("raw", "rgb8", 160, 120), ("size",)),
        (ImageKind("compressed", "jpeg", 1920, 1080), ("compression", "aspect ratio", "size")),
    ],
    ids=str,
)
def test_alike_is_what_lost_the_same_has_the_same_aspect_and_is_not_far_larger(kind: ImageKind, differs: tuple[str, ...]) -> None:
    assert differences(kind, TRAINED["camera"]) == differs


def test_one_kind_of_training_is_enough_unless_it_was_rare_and_without_any_nothing_is_unlike() -> None:
    assert differences(JPEG, shares({RAW: 90, JPEG: 10})) == ()
    assert differences(JPEG, shares({RAW: 995, JPEG: 5})) == ("compression",)
    assert differences(JPEG, ()) == ()


def test_shares_are_of_the_whole_and_the_most_frequent_comes_first() -> None:
    first, second = shares({RAW: 1, JPEG: 3}, augmented=[JPEG])
    assert (first.encoding, first.share, first.augmented) == ("jpeg", 0.75, True)
    assert second.to_dict() == {"transport": "raw", "encoding": "rgb8", "width": 640, "height": 480, "share": 0.25}
    assert read(tuple[TrainedKind, ...], [first.to_dict(), second.to_dict()], Place()) == (first, second)


def test_in_words_the_most_frequent_are_named_and_the_others_counted() -> None:
    kinds = shares({ImageKind("raw", "rgb8", width, 10): width for width in range(1, 7)}, [ImageKind("raw", "rgb8", 5, 10)])
    assert kinds_in_words(kinds[:2]) == "6 x 10 raw rgb8 (29 %), 5 x 10 raw rgb8 (24 %, augmented)"
    assert kinds_in_words(kinds).endswith("3 x 10 raw rgb8 (14 %), 2 more")


def test_a_kind_that_is_none_is_refused_with_its_place() -> None:
    wrong = {**shares({RAW: 1})[0].to_dict(), "transport": "pigeon"}
    with pytest.raises(PolicyError, match=r"p.yaml: images\[0\]\.transport must be one of .*, got 'pigeon'"):
        read(tuple[TrainedKind, ...], [wrong], Place(Path("p.yaml"), "images", PolicyError))


def test_each_kind_is_told_once_with_both_sides_and_every_image_is_counted() -> None:
    heard = Heard()
    heard.likeness.follow("reach", TRAINED, ())
    for kind in (JPEG, JPEG, RAW, JPEG):
        heard.likeness.check("camera", kind)
    assert heard.told == [
        "camera: policy reach was trained on 640 x 480 raw rgb8 (100 %), and 640 x 480 compressed jpeg arrives: other compression"
    ]
    assert heard.counts == {"images_unlike": 3} and heard.likeness.problems == {"camera": heard.told[0]}
    heard.likeness.check("camera", RAW)
    assert heard.likeness.problems == {}, "what is over is no problem any more"
    for width in range(1, 100):
        heard.likeness.check("camera", ImageKind("raw", "rgb8", width, 5))
    assert len(heard.told) == MOST_TOLD, "a sender that changes its size with every image does not fill the log"


def test_another_policy_is_another_comparison() -> None:
    heard = Heard()
    heard.likeness.follow("reach", TRAINED, ())
    heard.likeness.check("camera", JPEG)
    heard.likeness.follow("other", {"camera": shares({JPEG: 1})}, ())
    assert heard.likeness.problems == {}
    heard.likeness.check("camera", JPEG)
    heard.likeness.follow("old", {}, ())
    assert not heard.likeness.watches("camera")
    heard.likeness.follow("reach", TRAINED, ())
    heard.likeness.check("camera", JPEG)
    assert len(heard.told) == 2


def test_each_camera_has_its_own_and_one_that_the_policy_does_not_look_through_has_none() -> None:
    heard = Heard(cameras=("head", "wrist", "back"))
    heard.likeness.follow("reach", {"head": shares({RAW: 1}), "wrist": shares({JPEG: 1})}, ("head", "wrist"))
    for camera in ("head", "wrist", "back"):
        heard.likeness.check(camera, JPEG)
    assert heard.counts == {"images_unlike": 1, "images_unlike_head": 1} and heard.told[0].startswith("camera_head: ")


def test_a_policy_that_names_no_camera_means_the_robots_first_whatever_it_is_called() -> None:
    heard = Heard(cameras=("head", "wrist"))
    heard.likeness.follow("reach", TRAINED, ())
    assert heard.likeness.watches("head") and not heard.likeness.watches("wrist")


def test_refused_means_refused_and_accepted_without_a_word() -> None:
    refusing, accepting = Heard("refuse"), Heard("accept")
    for heard in (refusing, accepting):
        heard.likeness.follow("reach", TRAINED, ())
    refusing.likeness.check("camera", RAW)
    with pytest.raises(ObservationError, match="other compression") as error:
        refusing.likeness.check("camera", JPEG)
    assert error.value.inputs == ("camera",) and refusing.counts == {"images_unlike": 1} and refusing.told == []
    accepting.likeness.check("camera", JPEG)
    assert not accepting.counts and not accepting.told and not accepting.likeness.watches("camera")
