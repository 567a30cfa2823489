"""Writes what the simulated robot's drivers would publish into a rosbag2 (mcap), faster than real time and without ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.robot.topic_names import AUDIO, BASE_COMMAND, CAMERA, INSTRUCTION, JOINT_STATES
from neon_control.recordings.bag import making
from neon_control.recordings.bag.bag_file import DARK_KEY, TAKE_KEY
from neon_control.recordings.bag.messages import TEXT, types

ARM = "arm_controller/joint_trajectory"
TOPICS = {
    CAMERA: making.IMAGE,
    JOINT_STATES: making.JOINT_STATE,
    AUDIO: making.SOUND,
    INSTRUCTION: TEXT,
    ARM: making.TRAJECTORY,
    BASE_COMMAND: making.TWIST,
}
START = 1_000_000_000_000  # [ns] bag time at which an episode begins; audio reaches back before it


class EpisodeRecorder:
    """One bag in the folder `path`, which must not exist. Use as a context manager; times are seconds since the episode's start.

    Args:
        take: what it is a part of; "" says nothing.
        dark: whether its images are black on purpose.
    """

    def __init__(self, path: Path, camera_frame: str = "camera_link", has_base: bool = True, take: str = "", dark: bool = False) -> None:
        self._camera_frame = camera_frame
        self._topics = {topic: kind for topic, kind in TOPICS.items() if has_base or topic != BASE_COMMAND}
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        for key, text in ((TAKE_KEY, take), (DARK_KEY, "true" if dark else "")):
            if text:
                self._writer.set_custom_data(key, text)
        self._writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)

    def __enter__(self) -> EpisodeRecorder:
        self._writer.open()
        self._connections = {t: self._writer.add_connection(f"/{t}", kind, typestore=types()) for t, kind in self._topics.items()}
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._writer.close()
        if error is not None:  # what ends early is no whole recording, and must not look like one
            self._writer.metapath.unlink(missing_ok=True)

    def image(self, time: float, image: np.ndarray) -> None:
        """A camera image (H, W, 3) uint8 RGB."""
        self._write(CAMERA, time, making.image(_nanoseconds(time), image, self._camera_frame))

    def joint_states(self, time: float, names: tuple[str, ...], positions: np.ndarray, velocities: np.ndarray) -> None:
        """Measured positions [rad] and velocities [rad/s]."""
        self._write(JOINT_STATES, time, making.joint_state(_nanoseconds(time), names, positions, velocities))

    def audio(self, time: float, samples: np.ndarray) -> None:
        """A block of int16 sound that ended at `time`."""
        self._write(AUDIO, time, making.sound(samples))

    def instruction(self, time: float, text: str) -> None:
        """The words that are spoken: to people who look at the bag, and to policies that read."""
        self._write(INSTRUCTION, time, making.text(text))

    def say(self, topic: str, time: float, text: str) -> None:
        """Words on a topic that the bag has from the first ones on: who leads, or how an episode stands."""
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(f"/{topic}", TEXT, typestore=types())
        self._write(topic, time, making.text(text))

    def note(self, key: str, text: str) -> None:
        """An entry of the bag's metadata."""
        self._writer.set_custom_data(key, text)

    def command(self, time: float, names: tuple[str, ...], positions: np.ndarray, base: np.ndarray, due: float | None = None) -> None:
        """Commands from `time` on: joint targets [rad] and base velocity (vx, vy, yaw rate) [m/s, rad/s], (0,) without a base.

        Args:
            due: [s] when the joints are to be there; None: at once.
        """
        self._write(ARM, time, making.trajectory(_nanoseconds(time if due is None else due), names, positions))
        if BASE_COMMAND in self._topics:
            self._write(BASE_COMMAND, time, making.twist(_nanoseconds(time), base))

    def _write(self, topic: str, time: float, data: bytes) -> None:
        self._writer.write(self._connections[topic], _nanoseconds(time), data)


def _nanoseconds(time: float) -> int:
    return START + round(time * NANOSECONDS)
