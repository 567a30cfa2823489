"""What the robot measures, is commanded, sees and hears, as the page shows it: topics in, newest values out."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.robot import topic_names
from neon_control.core.robot.camera import input_name
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.nodes.chunk_messages import read_base, read_joints
from neon_control.nodes.motion_topics import COMMAND_TYPES, MotionTopics, age, planar_velocity
from neon_control.nodes.topic_reader import TopicReader
from neon_control.runtime.decoding.audio_blocks import READERS
from neon_control.runtime.decoding.images import image_of
from neon_control.runtime.decoding.sound import SoundStream

LOOK_PERIOD = 1.0  # [s] between two looks for topics that were not published yet
AUDIO_DEPTH = 200  # messages; 2 s in blocks of 10 ms
SILENT = 1.0  # [s] without a message, after which a topic counts as silent
JOINT_STATES, AUDIO, CHUNKS, COMMANDS, ODOMETRY = "joint states", "audio", "chunks", "commands", "odometry"


class Streams:
    """Newest values of all topics; ask `update_motion` and `update_rest` for them, from one thread.

    Attributes:
        cameras: the names of the robot's cameras.
        camera: of which the images are: the first, until `look_through`.
        hears: whether the robot has a microphone.
        motion: joints and base as measured, joints as commanded.
        base_commanded: (3,) vx, vy, yaw rate; None before the first message.
        chunks: the newest chunk of each stream.
        image: (H, W, 3) uint8, the newest; None before.
        sound: (n,) float32 in [-1, 1] at 16 kHz, as much of it as a policy hears.
        problems: stream name -> why its last message could not be read.

    Args:
        audio_rate, audio_channels: of the audio topic; None takes the robot file's. Everything else is found out.
    """

    def __init__(self, node: Node, robot: Robot, audio_rate: int | None = None, audio_channels: int | None = None) -> None:
        self._node = node
        recording = robot.recording
        self._robot_cameras = {camera.name: camera for camera in robot.cameras}
        self.motion = MotionTopics(node, robot)
        self._audio = TopicReader(node, [(recording.audio, tuple(READERS))], AUDIO_DEPTH)
        self._chunk = TopicReader(node, [(topic_names.CHUNK_JOINTS, [COMMAND_TYPES["joint_trajectory"]])])
        self._base_chunk = TopicReader(node, [(topic_names.CHUNK_BASE, ["trajectory_msgs/MultiDOFJointTrajectory"])])
        base_topic = topic_names.BASE_COMMAND if robot.base is None else robot.base.topic
        self._base_command = TopicReader(node, [(base_topic, ["geometry_msgs/TwistStamped", "geometry_msgs/Twist"])])
        self._by_name: dict[str, tuple[TopicReader, ...]] = {
            JOINT_STATES: (self.motion.joint_states,),
            CHUNKS: (self._chunk,),
            COMMANDS: (*self.motion.commands.values(), *((self._base_command,) if robot.base else ())),
            **({ODOMETRY: (self.motion.odometry,)} if robot.base else {}),
            **({AUDIO: (self._audio,)} if recording.audio else {}),
        }
        self._drives = robot.base is not None
        self.cameras, self.hears = tuple(self._robot_cameras), bool(recording.audio)
        self._camera = self._open(self.cameras[0])
        self._sound = SoundStream(audio_rate or recording.audio_rate_hz, audio_channels or recording.audio_channels)
        self._looked = -LOOK_PERIOD
        self.base_commanded: np.ndarray | None = None
        self.chunks: dict[str, ActionChunk] = {}
        self.sound = np.zeros(0, np.float32)
        self.problems: dict[str, str] = {}

    def look_through(self, camera: str) -> None:
        """Show another camera; the robot's others are not subscribed to."""
        self._camera.release()
        del self._by_name[input_name(self.camera)]
        self._camera = self._open(camera)

    def _open(self, camera: str) -> TopicReader:
        topic = self._robot_cameras[camera].topic
        reader = TopicReader(self._node, ((topic, ("sensor_msgs/Image",)), (f"{topic}/compressed", ("sensor_msgs/CompressedImage",))))
        self.camera: str = camera
        self.image: np.ndarray | None = None
        self._by_name[input_name(camera)] = (reader,)
        return reader

    @property
    def _all(self) -> set[TopicReader]:
        return {*(reader for readers in self._by_name.values() for reader in readers), *((self._base_chunk,) if self._drives else ())}

    def age(self, name: str, now: float) -> float:
        """[s] since the newest message of a stream; infinite: nothing received yet, or nothing that this robot has."""
        return age(self._by_name.get(name, ()), now)

    def ages(self, now: float) -> dict[str, float]:
        """The same for all streams."""
        return {name: self.age(name, now) for name in self._by_name}

    @property
    def commanded(self) -> dict[str, float]:
        """Joint -> position [rad] in commands that are fresh."""
        return self.motion.commanded(SILENT)

    def clock(self, now: float) -> int | None:
        """[ns] what the robot's clock shows, by the newest joint state; None before the first.

        The robot may stand elsewhere with a clock that is not ours, or be a bag of yesterday.
        """
        stamp, received = self.motion.measured_stamp, self.motion.measured_received
        return stamp + round((now - received) * 1e9) if stamp and received is not None else None

    def look_for_topics(self) -> None:
        """Subscribe to what has come up since the last look; cheap, and does nothing more often than once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_PERIOD:
            return
        self._looked = now
        waiting = [reader for reader in self._all if not reader.subscribed]
        published = dict(self._node.get_topic_names_and_types()) if waiting else {}
        for reader in waiting:
            reader.look_for(published)

    def release(self) -> None:
        """Unsubscribe from everything until topics are looked for again; what is known stays, and gets old."""
        for reader in self._all:
            reader.release()

    def update_motion(self) -> None:
        """Read joint states, commands and odometry."""
        self._attempt(JOINT_STATES, self.motion.read_joint_states)
        self._attempt(COMMANDS, self.motion.read_commands)
        self._attempt(COMMANDS, self._read_base_command)
        self._attempt(ODOMETRY, self.motion.read_odometry)

    def update_rest(self) -> None:
        """Read chunks, camera and audio, of which a page needs fewer."""
        self._attempt(CHUNKS, self._read_chunks)
        self._attempt(input_name(self.camera), self._read_camera)
        self._attempt(AUDIO, self._read_audio)

    def _attempt(self, name: str, read: Callable[[], bool]) -> None:
        try:
            if read():
                self.problems.pop(name, None)
        except (ObservationError, ChunkError) as error:
            self.problems[name] = str(error)

    def _read_base_command(self) -> bool:
        message = self._base_command.newest()
        if message is not None:
            self.base_commanded = planar_velocity(getattr(message, "twist", message))
        return message is not None

    def _read_chunks(self) -> bool:
        message, base = self._chunk.newest(), self._base_chunk.newest()
        if message is not None:
            self.chunks[JOINTS] = read_joints(message, message.joint_names, len(message.points))
        if base is not None:
            self.chunks[BASE] = read_base(base, len(base.points))
        return message is not None

    def _read_camera(self) -> bool:
        message = self._camera.newest()
        if message is not None:
            image = image_of(message, self._robot_cameras[self.camera])
            self.image = image() if callable(image) else image
        return message is not None

    def _read_audio(self) -> bool:
        blocks = [self._sound.convert(READERS[self._audio.kind](message))[0] for message in self._audio.take()]
        if blocks:
            scaled = [b.astype(np.float32) / 32768.0 if b.dtype == np.int16 else b for b in blocks]
            self.sound = np.concatenate([self.sound, *scaled])[-round(AUDIO_WINDOW_S * SAMPLE_RATE) :]
        return bool(blocks)
