"""What the robot measures, is commanded, sees and hears, as the page shows it: topics in, newest values out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from rclpy.node import Node

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.robot.camera import input_name
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.observation import SAMPLE_RATE
from neon_control.monitor.subscriptions import Stream
from neon_control.nodes.chunk_messages import BASE_TOPIC, JOINTS_TOPIC, StreamChunk, read_base, read_joints
from neon_control.nodes.conversions import image_to_rgb
from neon_control.nodes.outputs import BASE_COMMAND_TOPIC
from neon_control.nodes.polling import JointStateReader
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.compressed_images import decode_compressed
from neon_control.runtime.decoding.sound import SoundStream

HEARD = 2.0  # [s] of sound that is kept
LOOK_PERIOD = 1.0  # [s] between two looks for topics that were not published yet
AUDIO_DEPTH = 200  # messages; 2 s in blocks of 10 ms
JOINT_STATES_DEPTH = 4  # messages; drivers may tell joints in several
JOINT_STATES, AUDIO, CHUNKS, COMMANDS, ODOMETRY = "joint states", "audio", "chunks", "commands", "odometry"


class Streams:
    """Newest values of all topics; ask `update_motion` and `update_rest` for them, from one thread.

    Attributes:
        cameras: the names of the robot's cameras.
        camera: of which the images are: the first, until `look_through`.
        hears: whether the robot has a microphone.
        measured, commanded: joint name -> position [rad].
        base_pose: (3,) x, y, yaw in the odometry's frame; zeros without odometry.
        base_measured, base_commanded: (3,) vx, vy, yaw rate; None before the first message.
        chunk_joints, chunk, chunk_base: the newest chunk: names, (H, J) and (H, 3); None before the first.
        image: (H, W, 3) uint8, the newest; None before.
        sound: (n,) float32 in [-1, 1], the last `HEARD` seconds at 16 kHz.
        problems: stream name -> why its last message could not be read.

    Args:
        audio_rate, audio_channels: of the audio topic; None takes the robot file's. Everything else is found out.
    """

    def __init__(self, node: Node, robot: Robot, audio_rate: int | None = None, audio_channels: int | None = None) -> None:
        self._node = node
        recording = robot.recording
        trajectory, positions = "trajectory_msgs/JointTrajectory", "std_msgs/Float64MultiArray"
        self._topics = {camera.name: camera.topic for camera in robot.cameras}
        self._joint_states = Stream(node, [("joint_states", ["sensor_msgs/JointState"])], JOINT_STATES_DEPTH)
        self._audio = Stream(node, [(recording.audio, tuple(READERS))], AUDIO_DEPTH)
        self._chunk = Stream(node, [(JOINTS_TOPIC, [trajectory])])
        self._base_chunk = Stream(node, [(BASE_TOPIC, ["trajectory_msgs/MultiDOFJointTrajectory"])])
        self._controllers = {
            c: Stream(node, [(c.topic, [trajectory if c.type == "joint_trajectory" else positions])]) for c in robot.controllers
        }
        self._base_command = Stream(node, [(BASE_COMMAND_TOPIC, ["geometry_msgs/TwistStamped", "geometry_msgs/Twist"])])
        self._odometry = Stream(node, [("odom", ["nav_msgs/Odometry"])])
        self._by_name: dict[str, tuple[Stream, ...]] = {
            JOINT_STATES: (self._joint_states,),
            CHUNKS: (self._chunk,),
            COMMANDS: (*self._controllers.values(), *((self._base_command,) if robot.base else ())),
            **({ODOMETRY: (self._odometry,)} if robot.base else {}),
            **({AUDIO: (self._audio,)} if recording.audio else {}),
        }
        self._drives = robot.base is not None
        self.cameras, self.hears = tuple(self._topics), bool(recording.audio)
        self._camera = self._open(self.cameras[0])
        self._reader = JointStateReader()
        self._sound = SoundStream(audio_rate or recording.audio_rate_hz, audio_channels or recording.audio_channels)
        self._looked = -LOOK_PERIOD
        self._clock: tuple[int, float] | None = None  # [ns] newest stamp of a joint state, [s] when it came
        self.measured: dict[str, float] = {}
        self.commanded: dict[str, float] = {}
        self.base_pose = np.zeros(3)
        self.base_measured: np.ndarray | None = None
        self.base_commanded: np.ndarray | None = None
        self.chunk_joints: tuple[str, ...] = ()
        self.chunk: StreamChunk | None = None
        self.chunk_base: StreamChunk | None = None
        self.sound = np.zeros(0, np.float32)
        self.problems: dict[str, str] = {}

    def look_through(self, camera: str) -> None:
        """Show another camera; the robot's others are not subscribed to."""
        self._camera.release()
        del self._by_name[input_name(self.camera)]
        self._camera = self._open(camera)

    def _open(self, camera: str) -> Stream:
        topic = self._topics[camera]
        stream = Stream(self._node, ((topic, ("sensor_msgs/Image",)), (f"{topic}/compressed", ("sensor_msgs/CompressedImage",))))
        self.camera: str = camera
        self.image: np.ndarray | None = None
        self._by_name[input_name(camera)] = (stream,)
        return stream

    @property
    def _all(self) -> set[Stream]:
        return {*(s for streams in self._by_name.values() for s in streams), *((self._base_chunk,) if self._drives else ())}

    def age(self, name: str, now: float) -> float | None:
        """[s] since the newest message of a stream; None: nothing received yet."""
        received = [s.received for s in self._by_name[name] if s.received is not None]
        return now - max(received) if received else None

    def ages(self, now: float) -> Mapping[str, float | None]:
        """The same for all streams."""
        return {name: self.age(name, now) for name in self._by_name}

    def fresh(self, name: str, now: float, limit: float = 1.0) -> bool:
        """Whether a message came within `limit` [s]."""
        age = self.age(name, now)
        return age is not None and age <= limit

    def base_fresh(self, now: float) -> bool:
        """Whether odometry came within 1 s; False on a robot without a base."""
        return ODOMETRY in self._by_name and self.fresh(ODOMETRY, now)

    def clock(self, now: float) -> int | None:
        """[ns] what the robot's clock shows, by the newest joint state; None before the first.

        The robot may stand elsewhere with a clock that is not ours, or be a bag of yesterday.
        """
        return None if self._clock is None else self._clock[0] + round((now - self._clock[1]) * 1e9)

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
        """Read joint states, commands and odometry."""
        self._attempt(JOINT_STATES, self._read_joint_states)
        self._attempt(COMMANDS, self._read_commands)
        self._attempt(ODOMETRY, self._read_odometry)

    def update_rest(self) -> None:
        """Read chunks, camera and audio, of which a page needs fewer."""
        self._attempt(CHUNKS, self._read_chunks)
        self._attempt(input_name(self.camera), self._read_camera)
        self._attempt(AUDIO, self._read_audio)

    def _attempt(self, name: str, read: Callable[[], None]) -> None:
        try:
            read()
        except (ObservationError, ChunkError) as error:
            self.problems[name] = str(error)

    def _read_joint_states(self) -> None:
        for data in self._joint_states.take_raw():
            stamp, names, positions = self._reader.read(data)
            if len(names) != len(positions) or not np.isfinite(positions).all():
                raise ObservationError(f"{len(names)} joints and {len(positions)} positions, or not all of them finite")
            self.measured.update(zip(names, positions.tolist(), strict=True))
            self._clock = stamp, time.monotonic()
            self.problems.pop(JOINT_STATES, None)

    def _read_commands(self) -> None:
        for controller, stream in self._controllers.items():
            message = stream.newest()
            if message is not None and controller.type == "position":
                self.commanded.update(zip(controller.joints, message.data, strict=False))
            elif message is not None and message.points:
                self.commanded.update(zip(message.joint_names, message.points[0].positions, strict=False))
        message = self._base_command.newest()
        if message is not None:
            self.base_commanded = _velocity(getattr(message, "twist", message))

    def _read_odometry(self) -> None:
        message = self._odometry.newest()
        if message is not None:
            place, q = message.pose.pose.position, message.pose.pose.orientation
            yaw = np.arctan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
            self.base_pose = np.array([place.x, place.y, yaw])
            self.base_measured = _velocity(message.twist.twist)

    def _read_chunks(self) -> None:
        message, base = self._chunk.newest(), self._base_chunk.newest()
        if message is not None:
            self.chunk = read_joints(message, message.joint_names, len(message.points))
            self.chunk_joints = tuple(message.joint_names)
            self.problems.pop(CHUNKS, None)
        if base is not None:
            self.chunk_base = read_base(base, len(base.points))

    def _read_camera(self) -> None:
        message = self._camera.newest()
        if message is not None:
            self.image = decode_compressed(message.data) if self._camera.kind.endswith("CompressedImage") else image_to_rgb(message)
            self.problems.pop(input_name(self.camera), None)

    def _read_audio(self) -> None:
        blocks = [self._sound.convert(READERS[self._audio.kind](message))[0] for message in self._audio.take()]
        if blocks:
            scaled = [b.astype(np.float32) / 32768.0 if b.dtype == np.int16 else b for b in blocks]
            self.sound = np.concatenate([self.sound, *scaled])[-round(HEARD * SAMPLE_RATE) :]
            self.problems.pop(AUDIO, None)


def _velocity(twist: object) -> np.ndarray:
    return np.array([twist.linear.x, twist.linear.y, twist.angular.z])  # type: ignore[attr-defined]
