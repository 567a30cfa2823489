"""What the robot measures, is commanded, sees and hears, as the page shows it: topics in, newest values out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from rclpy.node import Node

from neon_control.core.errors import ChunkError, ObservationError
from neon_control.core.robot import Robot
from neon_control.nodes.chunk_messages import BASE_TOPIC, JOINTS_TOPIC, StreamChunk, read_base, read_joints
from neon_control.nodes.conversions import image_to_rgb
from neon_control.nodes.outputs import BASE_COMMAND_TOPIC
from neon_control.nodes.polling import JointStateReader
from neon_control.runtime.audio_blocks import READERS
from neon_control.runtime.compressed_images import decode_compressed
from neon_control.runtime.hearing import SAMPLE_RATE
from neon_control.runtime.sound import SoundStream
from neon_control.tools.monitor.subscriptions import Stream

HEARD = 2.0  # [s] of sound that is kept
LOOK_PERIOD = 1.0  # [s] between two looks for topics that were not published yet
AUDIO_DEPTH = 200  # messages; 2 s in blocks of 10 ms


class Streams:
    """Newest values of all topics; ask `update_motion` and `update_senses` for them, from one thread.

    Attributes:
        measured, commanded: joint name -> position [rad].
        base_pose: (3,) x, y, yaw in the odometry's frame; zeros without odometry.
        base_measured, base_commanded: (3,) vx, vy, yaw rate; None before the first message.
        chunk_joints, chunk, chunk_base: the newest chunk: names, (H, J) and (H, 3); None before the first.
        image: (H, W, 3) uint8, the newest; None before.
        sound: (n,) float32 in [-1, 1], the last `HEARD` seconds at 16 kHz.
        problems: stream name -> why its last message could not be read.

    Args:
        audio_rate, audio_channels: of the audio topic; everything else is found out.
    """

    def __init__(self, node: Node, robot: Robot, audio_rate: int = SAMPLE_RATE, audio_channels: int = 1) -> None:
        self._node = node
        trajectory, positions = "trajectory_msgs/JointTrajectory", "std_msgs/Float64MultiArray"
        images = (("camera/image_raw", ("sensor_msgs/Image",)), ("camera/image_raw/compressed", ("sensor_msgs/CompressedImage",)))
        self._joint_states = Stream(node, [("joint_states", ["sensor_msgs/JointState"])])
        self._camera = Stream(node, images)
        self._audio = Stream(node, [("audio", tuple(READERS))], AUDIO_DEPTH)
        self._chunk = Stream(node, [(JOINTS_TOPIC, [trajectory])])
        self._base_chunk = Stream(node, [(BASE_TOPIC, ["trajectory_msgs/MultiDOFJointTrajectory"])])
        self._controllers = {
            c: Stream(node, [(c.topic, [trajectory if c.type == "joint_trajectory" else positions])]) for c in robot.controllers
        }
        self._base_command = Stream(node, [(BASE_COMMAND_TOPIC, ["geometry_msgs/TwistStamped", "geometry_msgs/Twist"])])
        self._odometry = Stream(node, [("odom", ["nav_msgs/Odometry"])])
        self._by_name: dict[str, tuple[Stream, ...]] = {
            "joint states": (self._joint_states,),
            "camera": (self._camera,),
            "audio": (self._audio,),
            "chunks": (self._chunk,),
            "commands": (*self._controllers.values(), *((self._base_command,) if robot.base else ())),
            **({"odometry": (self._odometry,)} if robot.base else {}),
        }
        self._all = {*(s for streams in self._by_name.values() for s in streams), self._base_chunk, self._odometry, self._base_command}
        self._reader, self._sound = JointStateReader(), SoundStream(audio_rate, audio_channels)
        self._looked = -LOOK_PERIOD
        self.measured: dict[str, float] = {}
        self.commanded: dict[str, float] = {}
        self.base_pose = np.zeros(3)
        self.base_measured: np.ndarray | None = None
        self.base_commanded: np.ndarray | None = None
        self.chunk_joints: tuple[str, ...] = ()
        self.chunk: StreamChunk | None = None
        self.chunk_base: StreamChunk | None = None
        self.image: np.ndarray | None = None
        self.sound = np.zeros(0, np.float32)
        self.problems: dict[str, str] = {}

    def ages(self, now: float) -> Mapping[str, float | None]:
        """Name -> [s] since the newest message; None: nothing received yet."""
        newest = {
            name: max((s.received for s in streams if s.received is not None), default=None) for name, streams in self._by_name.items()
        }
        return {name: None if received is None else now - received for name, received in newest.items()}

    def fresh(self, name: str, now: float, limit: float = 1.0) -> bool:
        """Whether a message came within `limit` [s]."""
        age = self.ages(now)[name]
        return age is not None and age <= limit

    def look_for_topics(self) -> None:
        """Subscribe to what has come up since the last look; cheap, and does nothing more often than once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_PERIOD:
            return
        self._looked = now
        waiting = [stream for stream in self._all if not stream.subscribed]
        published = dict(self._node.get_topic_names_and_types()) if waiting else {}
        for stream in waiting:
            stream.look_for(published)

    def release(self) -> None:
        """Unsubscribe from everything until topics are looked for again; what is known stays, and gets old."""
        for stream in self._all:
            stream.release()

    def update_motion(self) -> None:
        """Read joint states, commands, odometry and chunks."""
        self._attempt("joint states", self._read_joint_states)
        for controller, stream in self._controllers.items():
            message = stream.newest()
            if message is not None and controller.type == "position":
                self.commanded.update(zip(controller.joints, message.data, strict=False))
            elif message is not None and message.points:
                self.commanded.update(zip(message.joint_names, message.points[0].positions, strict=False))
        message = self._base_command.newest()
        if message is not None:
            self.base_commanded = _velocity(getattr(message, "twist", message))
        message = self._odometry.newest()
        if message is not None:
            place, q = message.pose.pose.position, message.pose.pose.orientation
            yaw = np.arctan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
            self.base_pose = np.array([place.x, place.y, yaw])
            self.base_measured = _velocity(message.twist.twist)
        self._attempt("chunks", self._read_chunks)

    def update_senses(self) -> None:
        """Read camera and audio."""
        self._attempt("camera", self._read_camera)
        self._attempt("audio", self._read_audio)

    def _attempt(self, name: str, read: Callable[[], None]) -> None:
        try:
            read()
        except (ObservationError, ChunkError) as error:
            self.problems[name] = str(error)

    def _read_joint_states(self) -> None:
        data = self._joint_states.take_raw()
        if data:
            _, names, positions = self._reader.read(data[-1])
            self.measured = dict(zip(names, positions.tolist(), strict=True))
            self.problems.pop("joint states", None)

    def _read_chunks(self) -> None:
        message, base = self._chunk.newest(), self._base_chunk.newest()
        if message is not None:
            self.chunk = read_joints(message, message.joint_names, len(message.points))
            self.chunk_joints = tuple(message.joint_names)
            self.problems.pop("chunks", None)
        if base is not None:
            self.chunk_base = read_base(base, len(base.points))

    def _read_camera(self) -> None:
        message = self._camera.newest()
        if message is not None:
            self.image = decode_compressed(message.data) if self._camera.kind.endswith("CompressedImage") else image_to_rgb(message)
            self.problems.pop("camera", None)

    def _read_audio(self) -> None:
        blocks = [self._sound.convert(READERS[self._audio.kind](message))[0] for message in self._audio.take()]
        if blocks:
            scaled = [b.astype(np.float32) / 32768.0 if b.dtype == np.int16 else b for b in blocks]
            self.sound = np.concatenate([self.sound, *scaled])[-round(HEARD * SAMPLE_RATE) :]
            self.problems.pop("audio", None)


def _velocity(twist: object) -> np.ndarray:
    return np.array([twist.linear.x, twist.linear.y, twist.angular.z])  # type: ignore[attr-defined]
