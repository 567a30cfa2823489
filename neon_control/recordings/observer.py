"""Who looks on while a recording is read, and how much of its images he needs to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neon_control.core.robot.camera import Camera
from neon_control.core.robot.wire import PLAIN, Wire
from neon_control.core.sensing.image_buffer import AnyImage
from neon_control.recordings.tracks import Targets

CAMERA, JOINTS, COMMANDS, SOUND = "camera", "joints", "commands", "sound"  # roles of streams
UNSEEN = np.zeros((1, 1, 3), np.uint8)  # stands in for an image that nobody needs to decode


class Observer:
    """Looks at nothing, so that every image is decoded for the samples; who examines a recording derives from it.

    Attributes:
        cameras: those of the robot, to be shown too where no sample needs their images, and all that a LeRobot dataset has; None: no more
            than samples need.
    """

    cameras: Sequence[Camera] | None = None

    def begin(self, spans: Sequence[tuple[int, int]], targets: Targets, offset: int = 0, wire: Wire = PLAIN) -> None:
        """What is known before the images come.

        Args:
            spans: begin and end [ns] of each episode, by its number.
            offset: [ns] receive time minus the stamps' clock.
            wire: how the joints of `joints` are spoken of.
        """

    def message(self, role: str, stream: str, stamp: int, received: int) -> None:
        """A message of a topic, or a row of a feature: its stamp [ns], 0 where it has none, and when it was received [ns]."""

    def joints(self, stamp: int, names: Sequence[str], positions: Any) -> None:
        """Measured positions [rad], as they were sent; perhaps of a part of the joints."""

    def image(self, stream: str, stamp: int, image: AnyImage) -> AnyImage:
        """An image; what comes back is taken for the sample: the image, or `UNSEEN`."""
        return image

    def chosen(self, stamps: np.ndarray) -> np.ndarray | None:
        """(T,) which of the images at `stamps` (T,) [ns] are looked at; None: all. Where they are known beforehand, others are not read."""
        return None

    def outcome(self, stamp: int, success: bool) -> None:
        """What the recording itself says about how the episode at `stamp` [ns] ended; the last word counts."""
