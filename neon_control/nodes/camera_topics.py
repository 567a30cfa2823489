"""A robot's cameras as topics: which messages to expect where, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sensor_msgs.msg import CompressedImage, Image

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.common.statistics import Statistics
from neon_control.core.robot.camera import Camera, input_name
from neon_control.core.sensing.cameras import Cameras
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.policy.likeness import Likeness


@dataclass(frozen=True, eq=False)
class CameraTopics:
    """Puts images into their buffers, and counts them as `images_received`; with several cameras also each camera's."""

    robot_cameras: Sequence[Camera]
    transport: str  # "raw" or "compressed", of the cameras of which the robot file does not say
    cameras: Cameras  # the buffers
    statistics: Statistics  # where the counters go
    on_image: Callable[[], None]  # called after each image of the first camera that the policy looks at
    likeness: Likeness | None = None  # refuses what the policy was not trained on, or says so

    def __iter__(self) -> Iterator[tuple[type, str, Callable[[Any], None], str]]:
        """What to subscribe to: type, topic, callback, and the input's name in counters."""
        for camera in self.robot_cameras:
            raw = (camera.transport or self.transport) == "raw"
            message, topic = (Image, camera.topic) if raw else (CompressedImage, f"{camera.topic}/compressed")
            yield message, topic, partial(self._receive, camera), input_name(camera.name)

    def _receive(self, camera: Camera, message: Image | CompressedImage) -> None:
        self.statistics.count("images_received")
        if len(self.robot_cameras) > 1:
            self.statistics.count(f"images_received_{camera.name}")
        # What has to be computed is left to the inference thread, and only if this image is the one it takes.
        image = image_of(message, camera)
        if self.likeness is not None:
            self.likeness.look(message, camera)
        self.cameras.buffers[camera.name].add(to_nanoseconds(message.header.stamp), image)
        if camera.name == self.cameras.used[0]:
            self.on_image()

    def diagnostics(self, now: int) -> dict[str, object]:
        """Late and skipped images, and the age [ms] of the newest one at `now` [ns]; with several cameras also of each."""
        buffers = self.cameras.buffers
        ages = {name: 1e-6 * (now - stamp) for name, buffer in buffers.items() if (stamp := buffer.latest_stamp) is not None}
        values: dict[str, object] = {
            "images_late": sum(buffer.late for buffer in buffers.values()),
            "images_skipped": sum(buffer.skipped for buffer in buffers.values()),
        }
        if self.cameras.used[0] in ages:
            values["image_age_ms"] = ages[self.cameras.used[0]]
        if len(buffers) > 1:
            values |= {f"images_late_{name}": buffer.late for name, buffer in buffers.items()}
            values |= {f"images_skipped_{name}": buffer.skipped for name, buffer in buffers.items()}
            values |= {f"image_{name}_age_ms": age for name, age in ages.items()}
        return values
