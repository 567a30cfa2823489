"""A synthetic robot for the system tests of the inference node, and a tiny policy for it to run."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Int16MultiArray
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory
from waiting import wait_until

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.nodes.chunk_messages import chunk_qos
from neon_control.nodes.transport import PROFILES
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.vision import VISION_FEATURES
from neon_control.runtime.export.policy_export import export_policy

CLOCK_PERIOD = 0.005  # [s]


def make_policy(
    folder: Path,
    mode: str = "arms_only",
    use_audio: bool = True,
    seed: int = 0,
    vision: BackboneSpec | None = None,
    robot_file: str = "g1.yaml",
) -> ActionSpace:
    """Write a small policy with random weights into `folder`; returns its action space."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    robot = load_robot(robot_file)
    space = ActionSpace.from_robot(robot, mode)
    width = vision.features if vision else VISION_FEATURES
    head = ActionHeadConfig(hidden_size=width, mlp_hidden=24)
    config = PolicyConfig.from_action_space(space, bottleneck_dim=32, use_audio=use_audio, vision_dim=width, head=head)
    module = ActionPolicy(config)
    export_policy(module, folder, space, robot=robot.name, action_layer=config.to_dict(), training={}, use_audio=use_audio, vision=vision)
    return space


class SyntheticRobot:
    """Publishes random images, sound and joint states, and keeps the chunks and diagnostics that come back.

    Attributes:
        running: topics that are being published now; take one away to make it fall silent.
        image_stamps, joint_stamps: [ns] stamps of all images and joint states sent.
        arrivals: [s, monotonic] when each of `joint_chunks` arrived.
    """

    def __init__(
        self,
        joint_names: Sequence[str],
        size: tuple[int, int] = (480, 640),
        camera_hz: float = 15.0,
        sim_time: bool = False,
        sound: tuple[type, int, int] = (Int16MultiArray, 16000, 1),  # message type, [Hz], channels
        image_topic: str = "camera/image_raw",
        wrist_topic: str = "",  # of a second camera, which sends JPEG at twice the rate
        camera_delay: float = 0.0,  # [s] from an image's stamp until it is sent
        drivers: int = 1,  # that report the joints, each its share, one after the other; with several, a gripper's does so too
    ) -> None:
        self.joint_names = list(joint_names)
        self.running = {"camera", "joint_states", "audio", "clock"}
        self.image_stamps: list[int] = []
        self.joint_stamps: list[int] = []
        self.arrivals: list[float] = []
        self.joint_chunks: list[JointTrajectory] = []
        self.base_chunks: list[MultiDOFJointTrajectory] = []
        self.status: DiagnosticStatus | None = None
        self.encoding = "rgb8"
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = Node(
            "synthetic_robot", context=self._context, parameter_overrides=[Parameter("use_sim_time", Parameter.Type.BOOL, False)]
        )
        self._rng = np.random.default_rng(0)
        self._size = size
        self._camera_delay = round(camera_delay * 1e9)
        self._shares = [self.joint_names[i::drivers] for i in range(drivers)]
        self._sim_start: float | None = time.monotonic() - 1000.0 if sim_time else None
        publish = self.node.create_publisher
        self._image = publish(Image, image_topic, qos_profile_sensor_data)
        self._joints = publish(JointState, "joint_states", qos_profile_sensor_data)
        self._sound = sound
        self._audio = publish(sound[0], "audio", qos_profile_sensor_data)
        self._clock = publish(Clock, "/clock", 10)
        for period, send in ((1.0 / camera_hz, self._send_image), (0.01, self._send_joints), (0.02, self._send_audio)):
            self.node.create_timer(period, send)
        if wrist_topic:
            self.running.add("wrist")
            self._wrist = publish(CompressedImage, wrist_topic, qos_profile_sensor_data)
            self.node.create_timer(0.5 / camera_hz, self._send_wrist)
        if sim_time:
            self.node.create_timer(CLOCK_PERIOD, self._send_clock)
        self.node.create_subscription(JointTrajectory, CHUNK_JOINTS, self._on_joint_chunk, chunk_qos())
        self.node.create_subscription(MultiDOFJointTrajectory, CHUNK_BASE, self.base_chunks.append, chunk_qos())
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def now(self) -> int:
        """[ns] the time that stamps are made from."""
        if self._sim_start is not None:
            return round((time.monotonic() - self._sim_start) * 1e9)
        return int(self.node.get_clock().now().nanoseconds)

    def value(self, key: str) -> float:
        """A number from the newest diagnostics, 0 when it is not there."""
        return float(self.text(key) or 0.0)

    def text(self, key: str) -> str:
        """A value from the newest diagnostics, empty when it is not there."""
        values = {v.key: v.value for v in self.status.values} if self.status else {}
        return str(values.get(key, ""))

    def call(self, kind: type, name: str, request: object, limit: float = 30.0) -> Any:
        """The answer of a service of the inference node."""
        client = self.node.create_client(kind, f"/inference_node/{name}")
        wait_until(client.service_is_ready, limit, f"service {name}")
        future = client.call_async(request)
        wait_until(future.done, limit, f"an answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def set_policy(self, name: Path | str) -> SetParametersResult:
        """Set the inference node's parameter `policy`."""
        request = SetParameters.Request(parameters=[Parameter("policy", value=str(name)).to_parameter_msg()])
        return self.call(SetParameters, "set_parameters", request).results[0]

    def get_policy(self) -> str:
        """The inference node's parameter `policy`."""
        return str(self.call(GetParameters, "get_parameters", GetParameters.Request(names=["policy"])).values[0].string_value)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _stamp(self, header: object, earlier: int = 0) -> int:
        now = self.now() - earlier
        header.stamp.sec, header.stamp.nanosec = now // 10**9, now % 10**9  # type: ignore[attr-defined]
        return now

    def _send_image(self) -> None:
        if "camera" not in self.running:
            return
        height, width = self._size
        message = Image(height=height, width=width, step=3 * width, encoding=self.encoding)
        message.data = self._rng.integers(0, 256, height * width * 3, dtype=np.uint8).tobytes()
        self.image_stamps.append(self._stamp(message.header, self._camera_delay))
        self._image.publish(message)

    def _send_wrist(self) -> None:
        if "wrist" in self.running:
            file = io.BytesIO()
            PIL.Image.fromarray(self._rng.integers(0, 256, (*self._size, 3), dtype=np.uint8)).save(file, "JPEG")
            message = CompressedImage(format="jpeg", data=file.getvalue())
            self._stamp(message.header)
            self._wrist.publish(message)

    def _send_joints(self) -> None:
        if "joint_states" in self.running:
            share = self._shares[0]
            self._shares = [*self._shares[1:], share]
            message = JointState(name=["a_joint_of_no_interest", *share])
            message.position = [0.0, *(0.1 * np.sin(self.now() * 1e-9) * np.ones(len(share)))]
            self.joint_stamps.append(self._stamp(message.header))
            self._joints.publish(message)
            if len(self._shares) > 1:
                self._joints.publish(JointState(name=["gripper"], effort=[1.0]))

    def _send_audio(self) -> None:
        if "audio" in self.running:
            kind, rate, channels = self._sound
            samples = self._rng.integers(-3000, 3000, rate // 50 * channels, dtype=np.int16)
            self._audio.publish(kind(data=samples.tolist() if kind is Int16MultiArray else (samples / np.float32(32768.0)).tolist()))

    def _send_clock(self) -> None:
        if "clock" in self.running:
            message = Clock()
            now = self.now()
            message.clock.sec, message.clock.nanosec = now // 10**9, now % 10**9
            self._clock.publish(message)

    def _on_joint_chunk(self, message: JointTrajectory) -> None:
        self.arrivals.append(time.monotonic())
        self.joint_chunks.append(message)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "inference_node: inference":
                self.status = status


class NodeProcess:
    """One inference node in a process of its own; its output goes to a file."""

    def __init__(self, log: Path, parameters: dict[str, object]) -> None:
        inherited = {k: v for k, v in os.environ.items() if k != PROFILES}  # the node has to choose the transport by itself
        environment = {**inherited, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "neon_control.nodes.inference_node", "--ros-args"]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment, start_new_session=True)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def interrupt(self, limit: float = 10.0) -> tuple[int, float]:
        """Send SIGINT; returns the exit code and how long [s] the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(limit), time.monotonic() - start

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def running_node(log: Path, **parameters: object) -> Iterator[NodeProcess]:
    """An inference node that is killed at the end if it still runs; its output is printed when the test fails."""
    node = NodeProcess(log, parameters)
    try:
        yield node
    finally:
        node.kill()
        print(node.output)


@contextmanager
def synthetic_robot(joint_names: Sequence[str], **options: object) -> Iterator[SyntheticRobot]:
    """A synthetic robot that is closed at the end."""
    robot = SyntheticRobot(joint_names, **options)  # type: ignore[arg-type]
    try:
        yield robot
    finally:
        robot.close()
