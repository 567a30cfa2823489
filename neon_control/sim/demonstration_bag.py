"""Writes what the simulated robot's drivers would publish into a rosbag2 (mcap), faster than real time and without ROS."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.topic_names import AUDIO, BASE_COMMAND, CAMERA, INSTRUCTION, JOINT_STATES

TOPICS = {
    CAMERA: "sensor_msgs/msg/Image",
    JOINT_STATES: "sensor_msgs/msg/JointState",
    AUDIO: "std_msgs/msg/Int16MultiArray",
    INSTRUCTION: "std_msgs/msg/String",
    "arm_controller/joint_trajectory": "trajectory_msgs/msg/JointTrajectory",
    BASE_COMMAND: "geometry_msgs/msg/TwistStamped",
}
_typestore = functools.cache(get_typestore)  # one for all bags: it compiles a serialiser for each message type at first use
START = 1_000_000_000_000  # [ns] bag time at which an episode begins; audio reaches back before it


class EpisodeRecorder:
    """One bag in the folder `path`, which must not exist. Use as a context manager; times are seconds since the episode's start."""

    def __init__(self, path: Path, camera_frame: str = "camera_link", has_base: bool = True) -> None:
        self._camera_frame = camera_frame
        self._topics = {topic: kind for topic, kind in TOPICS.items() if has_base or topic != BASE_COMMAND}
        self._types = _typestore(Stores.ROS2_JAZZY)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)

    def __enter__(self) -> EpisodeRecorder:
        self._writer.open()
        self._connections = {t: self._writer.add_connection(f"/{t}", kind, typestore=self._types) for t, kind in self._topics.items()}
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._writer.close()
        if error is not None:  # what ends early is no whole recording, and must not look like one
            self._writer.metapath.unlink(missing_ok=True)

    def image(self, time: float, image: np.ndarray) -> None:
        """A camera image (H, W, 3) uint8 RGB."""
        height, width, _ = image.shape
        fields = (self._header(time, self._camera_frame), height, width, "rgb8", 0, 3 * width, np.ascontiguousarray(image).reshape(-1))
        self._write(CAMERA, time, *fields)

    def joint_states(self, time: float, names: tuple[str, ...], positions: np.ndarray, velocities: np.ndarray) -> None:
        """Measured positions [rad] and velocities [rad/s]."""
        self._write(JOINT_STATES, time, self._header(time, ""), list(names), _doubles(positions), _doubles(velocities), np.zeros(0))

    def audio(self, time: float, samples: np.ndarray) -> None:
        """A block of int16 sound that ended at `time`."""
        layout = self._make("std_msgs/msg/MultiArrayLayout", [], 0)
        self._write(AUDIO, time, layout, samples)

    def instruction(self, time: float, text: str) -> None:
        """The words that are spoken: to people who look at the bag, and to policies that read."""
        self._write(INSTRUCTION, time, text)

    def command(self, time: float, names: tuple[str, ...], positions: np.ndarray, base: np.ndarray) -> None:
        """Commands from `time` on: joint targets [rad] and base velocity (vx, vy, yaw rate) [m/s, rad/s], (0,) without a base."""
        now = self._make("builtin_interfaces/msg/Duration", 0, 0)
        point = self._make("trajectory_msgs/msg/JointTrajectoryPoint", _doubles(positions), np.zeros(0), np.zeros(0), np.zeros(0), now)
        self._write("arm_controller/joint_trajectory", time, self._header(time, ""), list(names), [point])
        if BASE_COMMAND not in self._topics:
            return
        linear = self._make("geometry_msgs/msg/Vector3", float(base[0]), float(base[1]), 0.0)
        angular = self._make("geometry_msgs/msg/Vector3", 0.0, 0.0, float(base[2]))
        self._write(BASE_COMMAND, time, self._header(time, "base_link"), self._make("geometry_msgs/msg/Twist", linear, angular))

    def _header(self, time: float, frame: str) -> Any:
        seconds, nanoseconds = divmod(_nanoseconds(time), NANOSECONDS)
        return self._make("std_msgs/msg/Header", self._make("builtin_interfaces/msg/Time", seconds, nanoseconds), frame)

    def _make(self, kind: str, *fields: Any) -> Any:
        return self._types.types[kind](*fields)

    def _write(self, topic: str, time: float, *fields: Any) -> None:
        kind = self._connections[topic].msgtype
        self._writer.write(self._connections[topic], _nanoseconds(time), self._types.serialize_cdr(self._make(kind, *fields), kind))


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)


def _nanoseconds(time: float) -> int:
    return START + round(time * 1e9)
