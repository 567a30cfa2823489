"""The last images of one camera, and the clips that a policy looks at."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.fields import check_fields, setting
from neon_control.core.common.nanoseconds import JUMP_BACK_S, NANOSECONDS

CLIP_TOLERANCE = 1.5  # [periods of the clip] how far a frame may be from its time: one lost image must not silence the policy

AnyImage = np.ndarray | Callable[[], np.ndarray]  # decoded, or still to be decoded


@dataclass(frozen=True)
class Clip:
    """Which images a policy looks at: so many frames, evenly spaced, the last one at the observation's stamp."""

    frames: int = setting(1, minimum=1)
    rate_hz: float = setting(10.0, above=0.0)  # [Hz] means nothing for a single frame

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def horizon_s(self) -> float:
        """[s] how far back images must be kept; 0 for a single frame."""
        return 0.0 if self.frames == 1 else (self.frames - 1 + CLIP_TOLERANCE) / self.rate_hz


class ImageBuffer:
    """The last images of one camera.

    Args:
        horizon_s: [s] how far back to remember; 0 keeps the newest image only, which is all that a policy of single images needs.
        label: the camera's name in errors and counters.
    """

    def __init__(self, horizon_s: float = 0.0, label: str = "camera") -> None:
        self.keep(horizon_s)
        self.label = label
        self._lock = threading.Lock()
        self._images: list[StoredImage] = []  # in order of their stamps
        self.late = 0  # images dropped because a newer one was there already
        self.skipped = 0  # images forgotten that no observation took

    def keep(self, horizon_s: float) -> None:
        """Remember images for another time [s]."""
        self._horizon = round(horizon_s * NANOSECONDS)

    def add(self, stamp: int, image: AnyImage) -> None:
        """Store an image (H, W, 3) uint8 RGB taken at `stamp` [ns], or a function that decodes it: most images are never looked at."""
        with self._lock:
            if self._images and stamp <= self._images[-1].stamp:
                if self._images[-1].stamp - stamp < JUMP_BACK_S * NANOSECONDS:
                    self.late += 1
                    return
                self._images.clear()
            self._images.append(StoredImage(stamp, image))
            # One image older than the horizon stays: the oldest frame of a clip may be nearest to it.
            while len(self._images) > 1 and self._images[1 if self._horizon else 0].stamp < stamp - self._horizon:
                self.skipped += not self._images[0].taken
                del self._images[0]

    def forget_after(self, stamp: int) -> None:
        """Forget what is stamped later [ns]."""
        with self._lock:
            del self._images[bisect_right(self._images, stamp, key=lambda i: i.stamp) :]

    @property
    def latest_stamp(self) -> int | None:
        """[ns] stamp of the newest image; None when there is none."""
        newest = self.at()
        return None if newest is None else newest.stamp

    def at(self, stamp: int | None = None) -> StoredImage | None:
        """The newest image, or the newest one not later than `stamp` [ns], or the oldest where all are later; None when there is none."""
        with self._lock:
            if not self._images:
                return None
            last = len(self._images) if stamp is None else bisect_right(self._images, stamp, key=lambda i: i.stamp)
            return self._images[max(0, last - 1)]

    def frames(self, stamp: int, count: int, rate_hz: float) -> tuple[np.ndarray, ...]:
        """`count` images, `rate_hz` apart, the last one at `stamp` [ns]: for each time the nearest image that is held.

        Worked example, times in ms: images stamped 0, 67, 133, 200 are held; 3 frames at 10 Hz that end at 200 are wanted at 0, 100 and
        200, and the images of 0, 67 and 200 are taken. An image may serve twice where the camera is slower than the clip.

        Raises:
            ObservationError: at some time no image is nearer than `CLIP_TOLERANCE` periods.
        """
        with self._lock:
            held = list(self._images)
        if not held:
            raise ObservationError(f"{self.label}: nothing received", (self.label,))
        back = np.round(np.arange(count - 1, -1, -1) * (NANOSECONDS / rate_hz)).astype(np.int64)  # (T,) [ns] before `stamp`
        distance = np.abs(np.array([i.stamp for i in held])[None] - (stamp - back)[:, None])  # (T, images held)
        tolerance = CLIP_TOLERANCE * NANOSECONDS / rate_hz
        missing = distance.min(axis=1) > tolerance  # (T,)
        if missing.any():
            first, oldest = back[missing][0] / NANOSECONDS, (stamp - held[0].stamp) / NANOSECONDS
            raise ObservationError(
                f"{self.label}: {missing.sum()} of {count} images of the clip are missing (at {rate_hz:g} Hz, the first {first:.2f} s ago)"
                f"; {len(held)} are held, of the last {oldest:.2f} s",
                (self.label,),
            )
        return tuple(held[i].decoded() for i in distance.argmin(axis=1))


@dataclass(eq=False)
class StoredImage:
    """An image that is decoded once, if at all; only the thread that builds observations asks for it."""

    stamp: int  # [ns]
    image: AnyImage
    taken: bool = False  # whether an observation asked for it

    def decoded(self) -> np.ndarray:
        self.taken = True
        if callable(self.image):
            self.image = self.image()
        return self.image
