"""Whether images come as those did that a policy was trained on; `policy.yaml` lists them in its section `images`.

    images:
      camera:
      - {transport: raw, encoding: rgb8, width: 320, height: 240, share: 0.75}
      - {transport: compressed, encoding: jpeg, width: 320, height: 240, share: 0.25, augmented: true}

An image is like one of them if the same was left out of it on its way (nothing, as in raw images and PNG; JPEG; a video), if its aspect
ratio is the same within `ASPECT`, and if it is at most `FACTOR` times as wide, or as narrow. Names of raw encodings do not count: all
become RGB. What cannot be seen from a message, such as the quality of a JPEG, does not count either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.fields import setting
from neon_control.core.robot.camera import Camera, input_name
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.runtime.decoding.images import kind_of

ASPECT = 0.02  # share by which width / height may differ: a row or two that a driver cuts off
FACTOR = 2.0  # between widths; both become the backbone's own size
RARE = 0.01  # a smaller share of the images rather got into the recordings by mistake
MODES = ("warn", "refuse", "accept")
MOST_NAMED = 4  # kinds of training that a message names
MOST_TOLD = 8  # kinds of one camera that are told; a sender that changes its size with every image does not fill the log

# Field of the inference node's parameters and of an evaluation's.
UNLIKE_IMAGES: str = setting(
    MODES[0],
    "images that come otherwise than in training (compressed or not, aspect ratio, far other size): "
    "warn once of each kind, refuse them, or accept them without a word",
    choices=MODES,
)


@dataclass(frozen=True)
class TrainedKind(ImageKind):
    """One kind of a camera's images in training."""

    FURTHER_FIELDS: ClassVar[bool] = True  # of a later version

    share: float = setting(minimum=0.0, maximum=1.0)  # of this camera's images
    augmented: bool = False  # made of other images for the training

    def to_dict(self) -> dict[str, object]:
        """As `policy.yaml` has it."""
        return {name: value for name, value in asdict(self).items() if value is not False}


def shares(counts: Mapping[ImageKind, float], augmented: Iterable[ImageKind] = ()) -> tuple[TrainedKind, ...]:
    """Kinds with their shares, the most frequent first; those of `augmented` are marked."""
    total, made = sum(counts.values()), set(augmented)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
    return tuple(TrainedKind(**vars(kind), share=round(count / total, 4), augmented=kind in made) for kind, count in ordered)


def kinds_in_words(kinds: Sequence[TrainedKind]) -> str:
    """For a message: the most frequent ones, with their shares."""
    words = [f"{kind} ({100.0 * kind.share:.0f} %{', augmented' * kind.augmented})" for kind in kinds[:MOST_NAMED]]
    more = len(kinds) - len(words)
    return ", ".join([*words, *([f"{more} more"] if more else [])])


def differences(kind: ImageKind, trained: Sequence[TrainedKind]) -> tuple[str, ...]:
    """What is otherwise than in the kind of training that is most like it; empty where one is alike, and without any training kinds."""
    known = [k for k in trained if k.share >= RARE]
    return min((_different(kind, k) for k in known), key=len, default=())


def _different(kind: ImageKind, trained: ImageKind) -> tuple[str, ...]:
    aspect = (kind.width * trained.height) / (kind.height * trained.width)
    factor = kind.width / trained.width
    found = {
        "compression": kind.loss != trained.loss,
        "aspect ratio": not 1.0 - ASPECT <= aspect <= 1.0 + ASPECT,
        "size": not 1.0 / FACTOR <= factor <= FACTOR,
    }
    return tuple(what for what, differs in found.items() if differs)


class Likeness:
    """Holds arriving images against those of training.

    Args:
        mode: one of `MODES`.
        count: takes the name of a counter: `images_unlike`, and `images_unlike_<camera>` with several cameras.
        tell: takes a sentence, once for each camera and kind of image.
        cameras: all cameras of the robot, the first one first.

    Attributes:
        problems: camera -> what is unlike in its newest image, in words.
    """

    def __init__(self, mode: str, cameras: Sequence[str], count: Callable[[str], None], tell: Callable[[str], object]) -> None:
        self._mode, self._cameras, self._count, self._tell = mode, cameras, count, tell
        self._trained: Mapping[str, Sequence[TrainedKind]] = {}
        self._policy = ""
        self.problems: dict[str, str] = {}
        self._told: set[tuple[str, ImageKind]] = set()

    def follow(self, policy: str, images: Mapping[str, Sequence[TrainedKind]], looks_through: Sequence[str]) -> None:
        """From now on compare with what this policy says.

        Args:
            images: of `policy.yaml`; empty: it does not say, and nothing is unlike.
            looks_through: the policy's cameras, where it names them; else it takes the robot's first one, whatever its name is.
        """
        only = next(iter(images.values()), ())
        self._trained = images if looks_through else {self._cameras[0]: only}
        self._policy, self.problems, self._told = policy, {}, set()

    def watches(self, camera: str) -> bool:
        """Whether anything is known of this camera's images: else nobody need find out how they came."""
        return self._mode != "accept" and bool(self._trained.get(camera))

    def look(self, message: Any, camera: Camera) -> None:
        """An Image or CompressedImage arrived; see `check`. How it came is found out only where that is of use."""
        if self.watches(camera.name) and (kind := kind_of(message, camera)):
            self.check(camera.name, kind)

    def check(self, camera: str, kind: ImageKind) -> None:
        """An image arrived.

        Raises:
            ObservationError: it is unlike, and such images are to be refused.
        """
        if not self.watches(camera):
            return
        trained = self._trained[camera]
        found = differences(kind, trained)
        if not found:
            self.problems.pop(camera, None)
            return
        self._count("images_unlike")
        if len(self._cameras) > 1:
            self._count(f"images_unlike_{camera}")
        sides = f"was trained on {kinds_in_words(trained)}, and {kind} arrives"
        text = f"{input_name(camera)}: policy {self._policy} {sides}: other {' and '.join(found)}"
        self.problems[camera] = text
        if self._mode == "refuse":
            raise ObservationError(text, (input_name(camera),))
        if (camera, kind) not in self._told and sum(c == camera for c, _ in self._told) < MOST_TOLD:
            self._told.add((camera, kind))
            self._tell(text)
