"""Serialised messages to messages, once their size and what they claim were found to be no more than their topic can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message

from neon_control.core.common.errors import ObservationError
from neon_control.nodes.wire_images import read_compressed_image, read_image
from neon_control.nodes.wire_sizes import (
    OTHER_BYTES,
    check_array,
    check_audio,
    check_diagnostics,
    check_joint_state,
    check_size,
    check_trajectory,
)

_VIEWS: dict[str, Callable[[bytes], Any]] = {"sensor_msgs/Image": read_image, "sensor_msgs/CompressedImage": read_compressed_image}
_CHECKS: dict[str, Callable[[bytes, str], None]] = {
    "sensor_msgs/JointState": check_joint_state,
    "trajectory_msgs/JointTrajectory": check_trajectory,
    "trajectory_msgs/MultiDOFJointTrajectory": check_trajectory,
    "diagnostic_msgs/DiagnosticArray": check_diagnostics,
    "std_msgs/Int16MultiArray": check_audio,
    "std_msgs/Float32MultiArray": check_audio,
    "std_msgs/Float64MultiArray": check_array,
    "audio_common_msgs/AudioData": check_audio,
    "audio_common_msgs/AudioDataStamped": check_audio,
}


def type_name(kind: type) -> str:
    """A message class as "package/Type"."""
    return f"{kind.__module__.partition('.')[0]}/{kind.__name__}"


def full_name(kind: type) -> str:
    """A message class as the graph has it: "package/msg/Type"."""
    package, middle, _ = kind.__module__.split(".", 2)
    return f"{package}/{middle}/{kind.__name__}"


def read_message(data: bytes, kind: type) -> Any:
    """A message of the class `kind`, or what has its fields; ObservationError for one that is too large, or bytes that are none."""
    name = type_name(kind)
    if name in _VIEWS:
        return _VIEWS[name](data)
    if name in _CHECKS:
        _CHECKS[name](data, name)
    else:
        check_size(data, OTHER_BYTES, name)
    try:
        return deserialize_message(data, kind)
    except (RuntimeError, ValueError) as error:
        raise ObservationError(f"{len(data)} bytes that are no {name}: {error}") from error
