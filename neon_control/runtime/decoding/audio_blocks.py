"""Types of audio messages, each to its samples without copying them; the live node and the reader of recordings share it.

| type | data |
|---|---|
| std_msgs/Int16MultiArray | int16 |
| std_msgs/Float32MultiArray | float32 in [-1, 1] |
| audio_common_msgs/AudioData | bytes of int16, little endian: what `audio_capture` sends with the format `wave`, never its default `mp3` |
| audio_common_msgs/AudioDataStamped | the same, with a stamp that is not used |

Channels are interleaved in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neon_control.core.common.errors import ObservationError


def _bytes(message: Any) -> np.ndarray:
    if len(message.data) % 2:
        raise ObservationError(f"audio: {len(message.data)} bytes, needs 2 for each sample of uncompressed int16", ("audio",))
    return np.frombuffer(message.data, "<i2")


READERS: dict[str, Callable[[Any], np.ndarray]] = {
    "std_msgs/Int16MultiArray": lambda message: np.frombuffer(message.data, np.int16),
    "std_msgs/Float32MultiArray": lambda message: np.frombuffer(message.data, np.float32),
    "audio_common_msgs/AudioData": _bytes,
    "audio_common_msgs/AudioDataStamped": lambda message: _bytes(message.audio),
}
