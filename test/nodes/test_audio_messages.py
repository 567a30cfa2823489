"""Every type of the audio topic gives its samples."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float32MultiArray, Int16MultiArray, UInt8MultiArray

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.nodes.audio_messages import audio_type
from neon_control.runtime.decoding.audio_blocks import READERS

SAMPLES = np.array([0, 1, -1, 32767, -32768], np.int16)


@dataclass
class Stamped:
    audio: UInt8MultiArray


def test_int16_samples_survive_the_wire() -> None:
    kind, read = audio_type("std_msgs/Int16MultiArray")
    samples = read(deserialize_message(serialize_message(kind(data=SAMPLES.tolist())), kind))
    assert kind is Int16MultiArray and samples.dtype == np.int16
    np.testing.assert_array_equal(samples, SAMPLES)


def test_float32_samples_survive_the_wire_without_a_copy() -> None:
    kind, read = audio_type("std_msgs/Float32MultiArray")
    message = deserialize_message(serialize_message(kind(data=[0.0, 0.5, -1.0])), kind)
    samples = read(message)
    assert kind is Float32MultiArray and samples.dtype == np.float32
    np.testing.assert_array_equal(samples, [0.0, 0.5, -1.0])
    assert np.shares_memory(samples, np.frombuffer(message.data, np.float32))


def test_bytes_are_uncompressed_int16() -> None:
    """UInt8MultiArray carries the same field as audio_common's AudioData, which is not on PyPI."""
    message = deserialize_message(serialize_message(UInt8MultiArray(data=SAMPLES.astype("<i2").tobytes())), UInt8MultiArray)
    np.testing.assert_array_equal(READERS["audio_common_msgs/AudioData"](message), SAMPLES)
    np.testing.assert_array_equal(READERS["audio_common_msgs/AudioDataStamped"](Stamped(message)), SAMPLES)
    with pytest.raises(ObservationError, match="3 bytes, needs 2 for each sample"):
        READERS["audio_common_msgs/AudioData"](UInt8MultiArray(data=b"abc"))


@pytest.mark.skipif(importlib.util.find_spec("audio_common_msgs") is not None, reason="audio_common_msgs is installed here")
@pytest.mark.parametrize("name", ["audio_common_msgs/AudioData", "audio_common_msgs/AudioDataStamped"])
def test_a_type_that_is_not_installed_is_refused_by_its_package(name: str) -> None:
    with pytest.raises(ConfigError, match=f"audio_type is {name}, but the ROS package audio_common_msgs is not installed"):
        audio_type(name)


def test_another_package_of_the_same_name_is_refused_by_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    class AudioData(Int16MultiArray):
        @classmethod
        def get_fields_and_field_types(cls) -> dict[str, str]:
            return {"int16_data": "sequence<int16>"}

    monkeypatch.setitem(sys.modules, "audio_common_msgs", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "audio_common_msgs.msg", SimpleNamespace(AudioData=AudioData))
    with pytest.raises(ConfigError, match=r"needs the field 'data'; the package audio_common_msgs installed here has \['int16_data'\]"):
        audio_type("audio_common_msgs/AudioData")
