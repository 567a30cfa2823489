"""Messages of a bag, from numpy to CDR; without ROS. Positions are in [rad] or [m], base velocities (3,) in [m/s, m/s, rad/s]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.recordings.bag.messages import TEXT, types

IMAGE, JOINT_STATE, SOUND = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState", "std_msgs/msg/Int16MultiArray"
TRAJECTORY, TWIST = "trajectory_msgs/msg/JointTrajectory", "geometry_msgs/msg/TwistStamped"
NOTHING = np.zeros(0)


def image(stamp: int, pixels: np.ndarray, frame: str = "") -> bytes:
    """(H, W, 3) uint8 RGB, taken at `stamp` [ns]."""
    height, width, _ = pixels.shape
    return _serialised(IMAGE, _header(stamp, frame), height, width, "rgb8", 0, 3 * width, np.ascontiguousarray(pixels).reshape(-1))


def joint_state(stamp: int, names: Sequence[str], positions: np.ndarray, velocities: np.ndarray = NOTHING) -> bytes:
    """What was measured at `stamp` [ns]; velocities in [rad/s], or none."""
    return _serialised(JOINT_STATE, _header(stamp, ""), list(names), _doubles(positions), _doubles(velocities), NOTHING)


def trajectory(stamp: int, names: Sequence[str], positions: np.ndarray) -> bytes:
    """One point: where the joints are to be at `stamp` [ns]."""
    now = _make("builtin_interfaces/msg/Duration", 0, 0)
    point = _make("trajectory_msgs/msg/JointTrajectoryPoint", _doubles(positions), NOTHING, NOTHING, NOTHING, now)
    return _serialised(TRAJECTORY, _header(stamp, ""), list(names), [point])


def twist(stamp: int, velocity: np.ndarray) -> bytes:
    """vx, vy and yaw rate (3,) of the base from `stamp` [ns] on."""
    linear = _make("geometry_msgs/msg/Vector3", float(velocity[0]), float(velocity[1]), 0.0)
    angular = _make("geometry_msgs/msg/Vector3", 0.0, 0.0, float(velocity[2]))
    return _serialised(TWIST, _header(stamp, "base_link"), _make("geometry_msgs/msg/Twist", linear, angular))


def sound(samples: np.ndarray) -> bytes:
    """A block (n,) of int16, which ends when it is received."""
    return _serialised(SOUND, _make("std_msgs/msg/MultiArrayLayout", [], 0), samples)


def text(words: str) -> bytes:
    """A String."""
    return _serialised(TEXT, words)


def _serialised(kind: str, *fields: Any) -> bytes:
    return bytes(types().serialize_cdr(_make(kind, *fields), kind))


def _make(kind: str, *fields: Any) -> Any:
    return types().types[kind](*fields)


def _header(stamp: int, frame: str) -> Any:
    return _make("std_msgs/msg/Header", _make("builtin_interfaces/msg/Time", *divmod(stamp, NANOSECONDS)), frame)


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)
