"""How an image came: as which message, in which encoding, and how large.

A JPEG of a scene is not the raw image of it, nor is a frame of a video: policies that were trained on the one have failed on the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.common.fields import setting

RAW, COMPRESSED, VIDEO = "raw", "compressed", "video"  # sensor_msgs/Image; sensor_msgs/CompressedImage or a file; a frame of a video
LOSSLESS = ("png",)  # of what is compressed


@dataclass(frozen=True)
class ImageKind:
    """What all images have in common that came alike; the size is that of what a policy sees of the picture (`robot/view.py`)."""

    transport: str = setting(choices=(RAW, COMPRESSED, VIDEO))
    encoding: str = setting(scalar=True, filled=True)  # rgb8, yuyv, ...; jpeg, png; h264, av1, ...
    width: int = setting(minimum=1)  # [pixels]
    height: int = setting(minimum=1)  # [pixels]

    @property
    def loss(self) -> str:
        """What was left out of it on the way: nothing (raw, or PNG), what JPEG leaves out, or what a video does."""
        return RAW if self.transport == RAW or self.encoding in LOSSLESS else self.encoding if self.transport == COMPRESSED else VIDEO

    def __str__(self) -> str:
        return f"{self.width} x {self.height} {self.transport} {self.encoding}"
