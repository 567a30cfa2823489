"""Variants of images: what is done to them, that it is always the same, and what it makes of the kinds that a policy was trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.core.sensing.observation import Observation
from neon_control.training.augmentation import Augment, exposed, jpeg, shifted, trained_kinds
from neon_control.training.config import TrainConfig

RNG = np.random.default_rng(0)
SMOOTH = np.repeat(np.repeat(RNG.integers(40, 200, (6, 8, 3), dtype=np.uint8), 8, 0), 8, 1)  # (48, 64, 3)
RAW, JPEG = ImageKind("raw", "rgb8", 64, 48), ImageKind("compressed", "jpeg", 64, 48)


def seen(stamp: int = 7, **more: object) -> Observation:
    return Observation(stamp, SMOOTH, np.zeros(2), np.zeros(0), **more)


def test_a_variant_is_a_function_of_episode_stamp_and_view() -> None:
    augment = Augment(2, jpeg=0.5, exposure=0.3, shift=0.1, noise=4.0)
    first = augment.variant(seen(), 0, 0)
    assert np.array_equal(first.image, augment.variant(seen(), 0, 0).image)
    for other in (augment.variant(seen(), 0, 1), augment.variant(seen(), 1, 0), augment.variant(seen(8), 0, 0)):
        assert not np.array_equal(first.image, other.image)
    assert first.image.shape == SMOOTH.shape and first.image.dtype == np.uint8 and first.stamp == 7 and first.clip == ()


def test_images_of_a_clip_are_treated_alike_and_each_camera_for_itself() -> None:
    observation = seen(clip=(SMOOTH, SMOOTH), others={"wrist": (SMOOTH, SMOOTH)})
    made = Augment(exposure=0.5, shift=0.2).variant(observation, 0, 0)
    one, two = made.clip
    assert np.array_equal(one, two) and np.array_equal(made.image, two) and list(made.others) == ["wrist"]
    assert np.array_equal(*made.others["wrist"]) and not np.array_equal(made.others["wrist"][0], one)


def test_only_what_is_asked_for_is_done() -> None:
    dark = Augment(exposure=1.0)
    means = [dark.variant(seen(stamp), 0, 0).image.mean() / SMOOTH.mean() for stamp in range(60)]
    assert 0.49 < min(means) < 0.6 and 1.2 < max(means) < 2.01  # bright pixels end at 255
    moved = Augment(shift=0.25).variant(seen(), 0, 0).image
    assert set(map(tuple, moved.reshape(-1, 3))) <= set(map(tuple, SMOOTH.reshape(-1, 3)))
    noisy = Augment(noise=5.0).variant(seen(), 0, 0).image.astype(float) - SMOOTH
    assert abs(noisy.mean()) < 0.5 and 0.0 < noisy.std() <= 5.5
    compressed = [not np.array_equal(Augment(jpeg=0.5).variant(seen(stamp), 0, 0).image, SMOOTH) for stamp in range(60)]
    assert 15 <= sum(compressed) <= 45


def test_a_shift_repeats_the_edge() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(shifted(image, 0.5, 0.0), image[:, [0, 0]])
    assert np.array_equal(shifted(image, 0.0, -0.5), image[[1, 1]])


def test_light_ends_at_white_and_black_stays_black() -> None:
    image = np.array([[[0, 100, 200]]], np.uint8)
    assert exposed(image, 1.5, 0.0, np.random.default_rng(0)).tolist() == [[[0, 150, 255]]]


def test_less_quality_changes_more() -> None:
    grain = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    errors = [np.abs(jpeg(grain[:, ::-1], quality).astype(int) - grain[:, ::-1]).mean() for quality in (95, 40)]
    assert 0.0 < errors[0] < errors[1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"jpeg": 1.5}, r"TrainConfig\.augment\.jpeg must be a finite number from 0.0 to 1.0, got 1.5"),
        ({"jpegs": 1.0}, r"takes the fields .*unknown \['jpegs'\]"),
        ({"views": 3}, r"TrainConfig\.augment\.views needs at least one of jpeg"),
        ({"jpeg": 0.5, "views": 0}, r"TrainConfig\.augment\.views must be a whole number from 1 to 64, got 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name_before_anything_is_encoded(given: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TrainConfig("a", "b", augment=given)


def test_without_augmentation_a_configuration_says_nothing_of_it_so_that_older_runs_go_on() -> None:
    plain = TrainConfig("a", "b")
    assert plain.augmentation is None and "augment" not in plain.to_dict()
    assert replace(plain, augment={"jpeg": 0.5}).to_dict()["augment"] == {"jpeg": 0.5}


def test_compressed_variants_count_as_trained_with_their_share_and_are_marked() -> None:
    (raw, made) = trained_kinds({("camera", RAW): 10}, ["head"], Augment(3, jpeg=0.4))["head"]
    assert (raw.share, raw.augmented, made.loss, made.share, made.augmented) == (0.7, False, "jpeg", 0.3, True)
    (only,) = trained_kinds({("camera", JPEG): 10}, ["head"], Augment(3, jpeg=0.4))["head"]
    assert (only.share, only.augmented) == (1.0, False)
    both = trained_kinds({("camera", RAW): 1, ("camera", JPEG): 1}, ["head"], Augment(1, jpeg=1.0))["head"]
    assert [(k.loss, k.share, k.augmented) for k in both] == [("jpeg", 0.75, False), ("raw", 0.25, False)]


def test_the_first_camera_of_a_recording_is_the_policys_first_and_the_others_go_by_name() -> None:
    images = {("camera", RAW): 4, ("wrist", JPEG): 4, ("back", JPEG): 4}
    kinds = trained_kinds(images, ["head", "wrist"], None)
    assert {name: [k.encoding for k in found] for name, found in kinds.items()} == {"head": ["rgb8"], "wrist": ["jpeg"]}
