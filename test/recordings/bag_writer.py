"""Writes rosbags as drivers and recorders do: any topic, any receive time, any storage."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

START = 1_000 * 10**9  # [ns] time 0 of a bag
TYPES = get_typestore(Stores.ROS2_JAZZY)
TYPES.register(get_types_from_msg("uint8[] data", "audio_common_msgs/msg/AudioData"))


class BagWriter:
    """One bag; times are seconds. Use as a context manager."""

    def __init__(
        self, path: Path, storage: StoragePlugin = StoragePlugin.MCAP, compression: CompressionMode = CompressionMode.NONE
    ) -> None:
        self._writer = Writer(path, version=9, storage_plugin=storage)
        if compression is not CompressionMode.NONE:
            self._writer.set_compression(compression, CompressionFormat.ZSTD)
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()

    def write(self, topic: str, received: float, message: Any) -> None:
        self.write_raw(topic, message.__msgtype__, START + round(received * 1e9), TYPES.serialize_cdr(message, message.__msgtype__))

    def write_raw(self, topic: str, kind: str, received: int, raw: Any) -> None:
        """Bytes as they come over the wire, received at `received` [ns]."""
        if topic not in self._connections:
            known = {"typestore": TYPES} if kind in TYPES.types else {"msgdef": "bool unknown", "rihs01": f"RIHS01_{0:064}"}
            self._connections[topic] = self._writer.add_connection(f"/{topic}", kind, **known)
        self._writer.write(self._connections[topic], received, raw)


def make(kind: str, *fields: Any) -> Any:
    return TYPES.types[kind](*fields)


def stamp(time: float) -> Any:
    nanoseconds = START + round(time * 1e9)
    return make("builtin_interfaces/msg/Time", nanoseconds // 10**9, nanoseconds % 10**9)


def header(time: float | None) -> Any:
    """None: the stamp 0, which means "now"."""
    return make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", 0, 0) if time is None else stamp(time), "")


def doubles(values: Any) -> np.ndarray:
    return np.ascontiguousarray(values, np.float64)


def image(time: float, rgb: np.ndarray) -> Any:
    height, width, _ = rgb.shape
    return make("sensor_msgs/msg/Image", header(time), height, width, "rgb8", 0, 3 * width, np.ascontiguousarray(rgb).reshape(-1))


def compressed_image(time: float, data: bytes) -> Any:
    return make("sensor_msgs/msg/CompressedImage", header(time), "png", np.frombuffer(data, np.uint8))


def joint_state(time: float, names: tuple[str, ...], positions: Any) -> Any:
    return make("sensor_msgs/msg/JointState", header(time), list(names), doubles(positions), np.zeros(0), np.zeros(0))


def layout() -> Any:
    return make("std_msgs/msg/MultiArrayLayout", [], 0)


def sound(samples: np.ndarray) -> Any:
    return make("std_msgs/msg/Int16MultiArray", layout(), samples.astype(np.int16))


def position_command(values: Any) -> Any:
    return make("std_msgs/msg/Float64MultiArray", layout(), doubles(values))


def trajectory(time: float | None, names: tuple[str, ...], *points: tuple[float, Any]) -> Any:
    """Points are (time from start [s], positions)."""
    made = []
    for after, positions in points:
        duration = make("builtin_interfaces/msg/Duration", int(after), round(after % 1 * 1e9))
        made.append(make("trajectory_msgs/msg/JointTrajectoryPoint", doubles(positions), np.zeros(0), np.zeros(0), np.zeros(0), duration))
    return make("trajectory_msgs/msg/JointTrajectory", header(time), list(names), made)


def twist(vx: float, vy: float, yaw_rate: float) -> Any:
    return make(
        "geometry_msgs/msg/Twist", make("geometry_msgs/msg/Vector3", vx, vy, 0.0), make("geometry_msgs/msg/Vector3", 0.0, 0.0, yaw_rate)
    )


def text(words: str) -> Any:
    return make("std_msgs/msg/String", words)


def service_event(kind: int, number: int) -> bytes:
    """An event of a service of the type std_srvs/Trigger as it comes over the wire; requests of it are empty, so is a response here."""
    info = make("service_msgs/msg/ServiceEventInfo", kind, stamp(0.0), np.arange(16, dtype=np.uint8), number)
    return bytes(TYPES.serialize_cdr(info, info.__msgtype__)) + b"\0\0\0\0" * 2
