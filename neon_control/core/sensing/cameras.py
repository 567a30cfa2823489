"""A robot's cameras, and the rule by which their images make one observation.

The first camera that a policy names gives the observation its time t. Every other one gives its newest image that is at most
`TOLERANCE_S` later than t, since cameras that expose together do not stamp alike, and at most `max_skew` older: a hand that moves is
otherwise where one camera shows it and no more where the other does.

Worked example, times in ms: the head's newest image is of 133; the wrist has images of 60, 100, 140 and 180. The one of 140 is taken.
An image that is still on its way is not waited for, so a camera that is slower to arrive is seen one image earlier on a robot than in a
recording, where all images are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.camera import DEFAULT_NAME, input_name
from neon_control.core.sensing.image_buffer import Clip, ImageBuffer, StoredImage

TOLERANCE_S = 0.02  # [s] how much later than the first camera's another camera's image may be
# [s] how much older it may be. Two cameras of 10 Hz that know nothing of each other are up to 0.1 s apart, and one of them may take 0.1 s
# longer to arrive, compressed or over a wireless net; beyond that, one of them is not as it should be.
MAX_SKEW_S = 0.2
SKEW = "skew"  # what is to blame where images are too far apart


class Cameras:
    """The images of several cameras.

    Args:
        names: all cameras of the robot; the first one is what a policy looks at that names none.
        max_age_s: [s] how old the first camera's newest image may be: so far back the others are remembered.
        max_skew_s: [s] how much older than the first camera's image another one's may be.

    Attributes:
        buffers: camera -> its images, for every camera of the robot.
        used: the cameras that are looked at, in the policy's order.
        clip: the images that are taken of each.
    """

    def __init__(self, names: Sequence[str] = (DEFAULT_NAME,), max_age_s: float = 0.2, max_skew_s: float = MAX_SKEW_S) -> None:
        self.buffers = {name: ImageBuffer(label=input_name(name)) for name in names}
        self._max_age, self._max_skew, self._tolerance = max_age_s, max_skew_s, min(TOLERANCE_S, max_skew_s)
        self.look_at(Clip())

    def look_at(self, clip: Clip, names: Sequence[str] = ()) -> None:
        """From now on take these clips of these cameras; called by the thread that builds. A longer clip has to fill first.

        Args:
            names: see `resolve`.
        """
        names = self.resolve(names)
        for name, buffer in self.buffers.items():
            lag = self._max_age if name in names[1:] else 0.0  # the first camera's newest image may be that old
            buffer.keep(clip.horizon_s + lag)
        self.used, self.clip = names, clip

    def resolve(self, names: Sequence[str]) -> tuple[str, ...]:
        """The cameras that a policy means, the first one if it names none; ObservationError where there is no such camera."""
        unknown = [n for n in names if n not in self.buffers]
        if unknown:
            raise ObservationError(f"no camera {unknown}; the robot has {list(self.buffers)}", tuple(map(input_name, unknown)))
        return tuple(names) or (next(iter(self.buffers)),)

    def pick(self) -> dict[str, StoredImage | None]:
        """The image that each camera in use gives to the observation at the first one's newest image."""
        first = self.buffers[self.used[0]].at()
        limit = None if first is None else first.stamp + round(self._tolerance * NANOSECONDS)
        return {self.used[0]: first, **{name: self.buffers[name].at(limit) for name in self.used[1:]}}

    def skew(self, picked: Mapping[str, StoredImage | None]) -> float:
        """[s] how far the images that `pick` gave are from the first camera's, at most."""
        stamps = [image.stamp for image in picked.values() if image is not None]
        return max((abs(stamp - stamps[0]) for stamp in stamps), default=0) / NANOSECONDS

    def clips(self, picked: Mapping[str, StoredImage | None]) -> dict[str, tuple[np.ndarray, ...]]:
        """The decoded images of each camera, T of them, the last one being that which `pick` gave.

        Raises:
            ObservationError: a camera has no image, none near enough to the first one's (`SKEW` is then to blame), or not all of its clip.
        """
        images: dict[str, StoredImage] = {}
        for name, image in picked.items():
            if image is None:
                raise ObservationError(f"{input_name(name)}: nothing received", (input_name(name),))
            images[name] = image
        stamp = next(iter(images.values())).stamp
        for name, image in images.items():
            later = (image.stamp - stamp) / NANOSECONDS
            if not -self._max_skew <= later <= self._tolerance:
                text, limit = ("later", self._tolerance) if later > 0.0 else ("older", self._max_skew)
                problem = f"its image is {abs(later):.3g} s {text} than that of {input_name(next(iter(images)))}, limit {limit:g} s"
                raise ObservationError(f"{input_name(name)}: {problem}", (SKEW,))
        if self.clip.frames == 1:
            return {name: (image.decoded(),) for name, image in images.items()}
        return {name: self.buffers[name].frames(i.stamp, self.clip.frames, self.clip.rate_hz) for name, i in images.items()}
