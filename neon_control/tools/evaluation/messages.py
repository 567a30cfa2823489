"""Decoded messages of a bag to numpy: what the nodes' own conversions do, for messages that `rosbags` has read, without ROS."""

from __future__ import annotations

from typing import Any

import numpy as np

from neon_control.core.errors import ChunkError, ObservationError
from neon_control.core.image import decode_image
from neon_control.core.observation import NANOSECONDS, AnyImage
from neon_control.runtime.compressed_images import decode_compressed


def stamp_of(message: Any) -> int | None:
    """[ns] of the header; None where there is no header, or where it says "now" with a zero."""
    header = getattr(message, "header", None)
    return (int(header.stamp.sec) * NANOSECONDS + int(header.stamp.nanosec) or None) if header is not None else None


def image_of(message: Any) -> AnyImage:
    """An Image as (H, W, 3) uint8 RGB, a CompressedImage as a function that decodes it.

    Raises:
        ObservationError: an encoding that is not supported.
    """
    if hasattr(message, "encoding"):
        layout = (message.encoding, message.height, message.width, message.step)
        return decode_image(*layout, message.data, bool(message.is_bigendian))
    return lambda: decode_compressed(bytes(message.data))


def sound_of(message: Any, kind: str) -> np.ndarray:
    """The samples of one of the types in `nodes/audio_messages.py`: int16, or float32 in [-1, 1].

    Raises:
        ObservationError: another type, or half a sample.
    """
    data = message.audio.data if kind.endswith("/AudioDataStamped") else message.data
    if kind.endswith(("/AudioData", "/AudioDataStamped")):
        if len(data) % 2:
            raise ObservationError(f"audio: {len(data)} bytes, needs 2 for each sample of uncompressed int16", ("audio",))
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), "<i2")
    if kind.endswith(("/Int16MultiArray", "/Float32MultiArray")):
        return np.asarray(data)
    raise ObservationError(f"audio: type {kind} is not one that a policy can hear", ("audio",))


def command_of(message: Any, joints: tuple[str, ...], received: int) -> tuple[int, tuple[str, ...], np.ndarray]:
    """When a controller's command holds [ns], for which joints, and their positions (n,) [rad].

    A trajectory's first point counts; a message without names is in the order of the robot file, `joints`.

    Raises:
        ChunkError: a trajectory without points, or numbers that do not fit the names.
    """
    if not hasattr(message, "points"):
        names, values, time = joints, np.asarray(message.data, np.float64), received
    elif not message.points:
        raise ChunkError("length", "a trajectory without points")
    else:
        point = message.points[0]
        offset = int(point.time_from_start.sec) * NANOSECONDS + int(point.time_from_start.nanosec)
        names, values = tuple(message.joint_names), np.asarray(point.positions, np.float64)
        time = (stamp_of(message) or received) + offset
    if len(values) != len(names):
        raise ChunkError("shape", f"{len(values)} positions for {len(names)} joints")
    return time, names, values


def velocity_of(message: Any, received: int) -> tuple[int, np.ndarray]:
    """When a Twist or TwistStamped holds [ns], and vx, vy, yaw rate (3,) [m/s, m/s, rad/s]."""
    twist = getattr(message, "twist", message)
    return stamp_of(message) or received, np.array([twist.linear.x, twist.linear.y, twist.angular.z])
