"""Messages to numpy and back, without copying pixels or samples."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Int16MultiArray

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.sensing.image import decode_image


def stamp_to_nanoseconds(stamp: object) -> int:
    """A `builtin_interfaces/Time` to integer nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)  # type: ignore[attr-defined]


def image_to_rgb(message: Image) -> np.ndarray:
    """An image message to (H, W, 3) uint8 RGB, a view on the message's data.

    Raises:
        ObservationError: the encoding is not supported, or size, step and data disagree.
    """
    return decode_image(message.encoding, message.height, message.width, message.step, message.data, bool(message.is_bigendian))


def audio_to_samples(message: Int16MultiArray) -> np.ndarray:
    """A message of 16 kHz mono PCM to (samples,) int16, a view on the message's data."""
    return np.frombuffer(message.data, dtype=np.int16)
