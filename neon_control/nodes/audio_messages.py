"""Types of the audio topic, each to its samples without copying them.

| type | data |
|---|---|
| std_msgs/Int16MultiArray | int16 |
| std_msgs/Float32MultiArray | float32 in [-1, 1] |
| audio_common_msgs/AudioData | bytes of int16, little endian: what `audio_capture` sends with the format `wave`, never its default `mp3` |
| audio_common_msgs/AudioDataStamped | the same, with a stamp that is not used |

Channels are interleaved in all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from neon_control.core.errors import ConfigError, ObservationError
from neon_control.nodes.conversions import audio_to_samples


def _float32(message: Any) -> np.ndarray:
    return np.frombuffer(message.data, np.float32)


def _bytes(message: Any) -> np.ndarray:
    if len(message.data) % 2:
        raise ObservationError(f"audio: {len(message.data)} bytes, needs 2 for each sample of uncompressed int16", ("audio",))
    return np.frombuffer(message.data, "<i2")


READERS: dict[str, Callable[[Any], np.ndarray]] = {
    "std_msgs/Int16MultiArray": audio_to_samples,
    "std_msgs/Float32MultiArray": _float32,
    "audio_common_msgs/AudioData": _bytes,
    "audio_common_msgs/AudioDataStamped": lambda message: _bytes(message.audio),
}


def audio_type(name: str) -> tuple[type, Callable[[Any], np.ndarray]]:
    """The message class of one of `READERS`, and the function that takes the samples from it: (frames * channels,) int16 or float32.

    Raises:
        ConfigError: the package of the type is not installed, or is another one of that name.
    """
    package, _, kind = name.partition("/")
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ImportError as error:
        raise ConfigError(f"audio_type is {name}, but the ROS package {package} is not installed or not sourced: {error}") from error
    wanted = "data" if kind != "AudioDataStamped" else "audio"
    found = getattr(messages, kind, None)
    fields = {} if found is None else found.get_fields_and_field_types()
    if wanted not in fields:  # mgonzs13/audio_common has the same package name as ros-drivers/audio_common, and other messages
        has = sorted(fields) or "no such type"
        raise ConfigError(f"audio_type is {name}, which needs the field '{wanted}'; the package {package} installed here has {has}")
    return found, READERS[name]
