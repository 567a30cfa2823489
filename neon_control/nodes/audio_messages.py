"""The message class of the audio topic; what its types hold is in `runtime/decoding/audio_blocks.py`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.runtime.decoding.audio_blocks import READERS


def audio_type(name: str) -> tuple[type, Callable[[Any], np.ndarray]]:
    """The message class of one of `READERS`, and the function that takes the samples from it: (frames * channels,) int16 or float32.

    ConfigError where the package of the type is not installed, or is another one of that name.
    """
    package, _, kind = name.partition("/")
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ImportError as error:
        raise ConfigError(f"audio_type is {name}, but the ROS package {package} is not installed or not sourced: {error}") from error
    wanted = "data" if kind != "AudioDataStamped" else "audio"
    found: Any = getattr(messages, kind, None)
    fields = {} if found is None else found.get_fields_and_field_types()
    if wanted not in fields:  # mgonzs13/audio_common has the same package name as ros-drivers/audio_common, and other messages
        has = sorted(fields) or "no such type"
        raise ConfigError(f"audio_type is {name}, which needs the field '{wanted}'; the package {package} installed here has {has}")
    return found, READERS[name]
