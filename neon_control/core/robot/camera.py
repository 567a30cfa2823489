"""One camera of a robot: its name, and where its images are."""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import check_fields, setting
from neon_control.core.robot.topic_names import CAMERA

TRANSPORTS = ("raw", "compressed")  # sensor_msgs/Image, sensor_msgs/CompressedImage
DEFAULT_NAME = "camera"


@dataclass(frozen=True)
class Camera:
    """One camera, as the robot file says; without arguments, the one of a robot that lists none.

    Raises:
        ConfigError: a name that is no word, an unknown transport, or no topic of raw images.
    """

    name: str = setting(DEFAULT_NAME, is_key=True)
    topic: str = setting(CAMERA, scalar=True, needed=True)  # of the raw images; compressed ones are on `<topic>/compressed`
    transport: str = setting("", choices=("", *TRANSPORTS))  # empty: what the inference node's parameter `image_transport` says

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.name.isidentifier():
            raise ConfigError(f"name must be one word of letters, digits and '_', got '{self.name}'")
        if not self.topic or self.topic.endswith("/compressed"):
            raise ConfigError(
                f"topic must be the raw images' topic, got '{self.topic}': with `transport: compressed`, '/compressed' is added to it"
            )


def input_name(camera: str) -> str:
    """A camera's name in errors and counters: `camera` for the one of a robot that lists none, `camera_<name>` for the others."""
    return camera if camera == DEFAULT_NAME else f"{DEFAULT_NAME}_{camera}"
