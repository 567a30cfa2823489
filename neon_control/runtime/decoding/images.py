"""Image messages of both kinds to what is seen of them: the one decoder of the live node, recordings, evaluation and the monitor."""

from __future__ import annotations

from functools import partial
from typing import Any

from neon_control.core.robot.camera import Camera, input_name
from neon_control.core.sensing.image import raw_image
from neon_control.core.sensing.image_buffer import AnyImage
from neon_control.core.sensing.image_kind import COMPRESSED, RAW, ImageKind
from neon_control.runtime.decoding.compressed_images import decode_compressed, header_of


def image_of(message: Any, camera: Camera | None = None) -> AnyImage:
    """An Image or CompressedImage as (H, W, 3) uint8 RGB, cut, turned and mirrored as the camera's `View` says.

    Where it has to be computed, a function that does so: most images are never looked at. That of a compressed image raises as
    `decode_compressed`.

    Args:
        camera: whose it is, by default the one of a robot that lists none.

    Raises:
        ObservationError: as of `raw_image`.
    """
    camera = camera or Camera()
    name = input_name(camera.name)
    image = partial(decode_compressed, message.data, name) if hasattr(message, "format") else raw_image(message, name)
    if callable(image):
        compute = image
        return lambda: camera.of(compute())
    return camera.of(image)


def kind_of(message: Any, camera: Camera | None = None) -> ImageKind | None:
    """How an Image or CompressedImage came, and the size of what is seen of it; None where a compressed one does not tell."""
    view = camera or Camera()
    if not hasattr(message, "format"):
        return ImageKind(RAW, message.encoding, *view.size_of(message.width, message.height))
    found = header_of(message.data)
    return None if found is None else ImageKind(COMPRESSED, found[0], *view.size_of(*found[1:]))
