"""Images as they might have come on another day: the mount moved a little, other light, a noisier sensor, a driver that compresses.

Features of a frozen backbone are computed once and kept, so the variants are drawn once, too: `views` of each image, encoded beside the
image itself. A training step takes, for each of its samples, the image or one of them, each as often. Variants are drawn in the order in
which things happen to light on its way: shift, exposure, noise, JPEG; all images of a clip are shifted, exposed and compressed alike.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import check_fields, setting
from neon_control.core.robot.camera import DEFAULT_NAME
from neon_control.core.sensing.image_kind import COMPRESSED, ImageKind
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.policy.likeness import TrainedKind, shares

QUALITIES = (40, 95)  # of JPEG
SEED = 0  # of all that is drawn: variants are kept for every run, so a run's own seed does not count


@dataclass(frozen=True)
class Augment:
    """What is done to an image, at most.

    Raises:
        ConfigError: a value is out of range, or nothing is done.
    """

    views: int = setting(2, "variants of each image that are encoded", minimum=1, maximum=64)
    jpeg: float = setting(0.0, "share of the variants that are compressed as JPEG, of a quality from 40 to 95", minimum=0.0, maximum=1.0)
    exposure: float = setting(0.0, "change of the brightness: 0.3 is 1/1.3 to 1.3 times as bright", minimum=0.0, maximum=4.0)
    shift: float = setting(0.0, "shift across and down, as a share of width and height", minimum=0.0, maximum=0.5)
    noise: float = setting(0.0, "standard deviation of added noise, in grey levels of 255", minimum=0.0, maximum=100.0)

    def __post_init__(self) -> None:
        check_fields(self)
        if not (self.jpeg or self.exposure or self.shift or self.noise):
            raise ConfigError("views needs at least one of jpeg, exposure, shift and noise above 0")

    def variant(self, observation: Observation, episode: int, view: int) -> Observation:
        """The observation with other images: always the same ones for an episode, a stamp and a view."""
        rng = np.random.default_rng([SEED, view, episode, observation.stamp])
        first, *others = (self._clip(clip, rng) for clip in observation.clips)
        clip = first if observation.clip else ()
        return replace(observation, image=first[-1], clip=clip, others=dict(zip(observation.others, others, strict=True)))

    def _clip(self, clip: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        shift, gain = rng.uniform(-self.shift, self.shift, 2), (1.0 + self.exposure) ** rng.uniform(-1.0, 1.0)
        sigma, compressed, quality = rng.uniform(0.0, self.noise), rng.random() < self.jpeg, int(rng.integers(*QUALITIES, endpoint=True))
        made = [exposed(shifted(image, *shift), gain, sigma, rng) for image in clip]
        return tuple(jpeg(image, quality) for image in made) if compressed else tuple(made)

    def share_of(self, kind: ImageKind) -> dict[ImageKind, float]:
        """What becomes of a kind of images in training, and with which shares: an image is shown as often as each of its variants."""
        compressed = self.jpeg * self.views / (1 + self.views)
        made = replace(kind, transport=COMPRESSED, encoding="jpeg")
        return {kind: 1.0} if kind == made else {kind: 1.0 - compressed, made: compressed}


def trained_kinds(
    images: Mapping[tuple[str, ImageKind], int], cameras: Sequence[str], augment: Augment | None
) -> dict[str, tuple[TrainedKind, ...]]:
    """Camera -> the kinds of its images that a policy is trained on.

    Args:
        images: of the recordings, in which the policy's first camera is called `DEFAULT_NAME`.
        cameras: the policy's, the first one first.
    """
    found: dict[str, tuple[TrainedKind, ...]] = {}
    for name in cameras:
        counts, made = defaultdict[ImageKind, float](float), set[ImageKind]()
        for (camera, kind), count in images.items():
            if camera == (DEFAULT_NAME if name == cameras[0] else name):
                parts = augment.share_of(kind) if augment else {kind: 1.0}
                for part, share in parts.items():
                    counts[part] += count * share
                made |= set(parts) - {kind}
        if counts:
            found[name] = shares(counts, made - {kind for _, kind in images})
    return found


def shifted(image: np.ndarray, across: float, down: float) -> np.ndarray:
    """(H, W, 3) moved to the right and down by these shares of its size, in whole pixels; what comes in repeats the edge."""
    height, width = image.shape[:2]
    rows = np.clip(np.arange(height) - round(down * height), 0, height - 1)
    columns = np.clip(np.arange(width) - round(across * width), 0, width - 1)
    moved: np.ndarray = image[rows[:, None], columns]
    return moved


def exposed(image: np.ndarray, gain: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8, `gain` times as bright and with noise of `sigma` grey levels."""
    light = image.astype(np.float32) * np.float32(gain)
    if sigma > 0.0:
        light += rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    grey: np.ndarray = np.clip(np.rint(light), 0.0, 255.0).astype(np.uint8)
    return grey


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB after it was compressed, colours at half the resolution as drivers do, and decoded."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file))
