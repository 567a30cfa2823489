"""A rosbag to training samples, through the same buffers that the live node fills.

One sample per camera image, at the image's stamp t: the image, the sound that ended at t, the joint positions
interpolated to t, and as target the commands that were in force at t, t + dt, ..., t + (H - 1) dt. Steps after the last
command are padded and masked out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ObservationError
from neon_control.core.image import decode_image
from neon_control.core.observation import NANOSECONDS, AudioBuffer, Clip, ImageBuffer, JointStateBuffer, Observation

HORIZON_S = 3600.0  # [s] a recording is kept whole
TOPICS = ("camera/image_raw", "joint_states", "audio", "arm_controller/joint_trajectory", "cmd_vel")


@dataclass(frozen=True)
class Sample:
    """One observation and the commands that followed it."""

    observation: Observation
    actions: np.ndarray  # (H, N) [rad] and [m/s, rad/s]
    mask: np.ndarray  # (H,) 1 where a command was recorded, 0 where the last one is repeated


class _Commands:
    """Commands of one kind over time; they hold until the next one."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.values: list[np.ndarray] = []

    def add(self, stamp: int, value: np.ndarray) -> None:
        self.stamps.append(stamp)
        self.values.append(value)

    def at(self, times: np.ndarray) -> np.ndarray:
        """(T,) [ns] -> (T, D), linear in between; the first and the last one are held."""
        stamps, values = np.array(self.stamps), np.array(self.values)
        seconds, grid = (times - stamps[0]) / NANOSECONDS, (stamps - stamps[0]) / NANOSECONDS
        return np.stack([np.interp(seconds, grid, column) for column in values.T], axis=1)


def read_samples(path: Path, space: ActionSpace, dt: float, num_steps: int, clip: Clip | None = None) -> list[Sample]:
    """Read one bag.

    Args:
        path: folder of a rosbag2.
        space: joints and order of the actions.
        dt: [s] between steps of a target.
        num_steps: H.
        clip: the images of an observation; where it reaches back before the first image, there is no sample.

    Raises:
        ObservationError: a topic or an image of a clip is missing; the message names the bag and the topic.
    """
    joint_states = JointStateBuffer(space.joint_names, horizon_s=HORIZON_S)
    images: list[tuple[int, np.ndarray]] = []
    camera = ImageBuffer(HORIZON_S)
    joints, base = _Commands(), _Commands()
    commands = [joints, base] if space.dim > space.num_joints else [joints]  # a robot without a base has no base commands
    topics = TOPICS if base in commands else TOPICS[:-1]
    with Reader(path) as reader:
        connections = {c.topic.lstrip("/"): c for c in reader.connections}
        missing = [t for t in topics if t not in connections]
        if missing:
            raise ObservationError(f"{path}: no topic {missing}; the bag has {sorted(connections)}")
        wanted = [connections[t] for t in topics]
        for connection in wanted:
            _check_definition(path, connection)
        audio = AudioBuffer(horizon_s=reader.duration / NANOSECONDS + 1.0)
        for connection, arrival, raw in reader.messages(wanted):
            message: Any = _types().deserialize_cdr(raw, connection.msgtype)
            match connection.topic.lstrip("/"):
                case "camera/image_raw":
                    layout = (message.encoding, message.height, message.width, message.step)
                    rgb = decode_image(*layout, message.data, bool(message.is_bigendian))
                    images.append((_stamp(message), rgb))
                    camera.add(_stamp(message), rgb)
                case "joint_states":
                    joint_states.add(_stamp(message), message.name, message.position)
                case "audio":
                    audio.add(arrival, message.data)
                case "arm_controller/joint_trajectory":
                    order = [message.joint_names.index(n) for n in space.joint_names]
                    joints.add(_stamp(message), np.asarray(message.points[0].positions)[order])
                case "cmd_vel":
                    twist = message.twist
                    base.add(_stamp(message), np.array([twist.linear.x, twist.linear.y, twist.angular.z]))
    steps = np.round(np.arange(num_steps) * dt * NANOSECONDS).astype(np.int64)
    samples = []
    clip = clip or Clip()
    first = images[0][0] + round((clip.frames - 1) / clip.rate_hz * NANOSECONDS) if images else 0
    for stamp, image in images:
        if clip.frames > 1 and stamp < first:
            continue
        times = stamp + steps
        actions = np.concatenate([c.at(times) for c in commands], axis=1)
        mask = (times <= min(c.stamps[-1] for c in commands)).astype(np.float32)
        frames = camera.frames(stamp, clip.frames, clip.rate_hz) if clip.frames > 1 else ()
        samples.append(Sample(Observation(stamp, image, joint_states.at(stamp), audio.window(stamp), frames), actions, mask))
    return samples


@functools.cache
def _types() -> Typestore:
    """One for all bags: it compiles a deserialiser for each message type at first use."""
    return get_typestore(Stores.ROS2_JAZZY)


@functools.cache
def _digest(message_type: str) -> str:
    return _types().hash_rihs01(message_type)


def _check_definition(path: Path, connection: Connection) -> None:
    """The bag's message type must be the one that we know by this name, not another edition of it."""
    known = connection.msgtype in _types().fielddefs
    if not known or (connection.digest and connection.digest != _digest(connection.msgtype)):
        found = f"its definition's hash is {connection.digest}, known is {_digest(connection.msgtype)}" if known else "it is not known here"
        raise ObservationError(f"{path}: topic {connection.topic} has the type {connection.msgtype}: {found}")


def _stamp(message: object) -> int:
    stamp = message.header.stamp  # type: ignore[attr-defined]
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)
