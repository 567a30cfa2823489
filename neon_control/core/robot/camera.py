"""One camera of a robot: its name, where its images are, and what of them is seen."""

from __future__ import annotations

from dataclasses import dataclass, fields

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.robot.topic_names import CAMERA
from neon_control.core.robot.view import View

TRANSPORTS = ("raw", "compressed")  # sensor_msgs/Image, sensor_msgs/CompressedImage
DEFAULT_NAME = "camera"


@dataclass(frozen=True)
class Camera(View):
    """One camera, as the robot file says; without arguments, the one of a robot that lists none.

    Raises:
        ConfigError: a name that is no word, an unknown transport, no topic of raw images, or as of `View`.
    """

    name: str = setting(DEFAULT_NAME, is_key=True)
    topic: str = setting(CAMERA, scalar=True, needed=True)  # of the raw images; compressed ones are on `<topic>/compressed`
    transport: str = setting("", choices=("", *TRANSPORTS))  # empty: what the inference node's parameter `image_transport` says

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.name.isidentifier():
            raise ConfigError(f"name must be one word of letters, digits and '_', got '{self.name}'")
        if not self.topic or self.topic.endswith("/compressed"):
            raise ConfigError(
                f"topic must be the raw images' topic, got '{self.topic}': with `transport: compressed`, '/compressed' is added to it"
            )

    @property
    def view(self) -> View:
        """What is seen of its images, without the rest."""
        return View(**{f.name: getattr(self, f.name) for f in fields(View)})


def input_name(camera: str) -> str:
    """A camera's name in errors and counters: `camera` for the one of a robot that lists none, `camera_<name>` for the others."""
    return camera if camera == DEFAULT_NAME else f"{DEFAULT_NAME}_{camera}"
