"""A sim_node in a process of its own, and a listener that records what it sends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Int16MultiArray, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from waiting import wait_until

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.transport import PROFILES


class Listener:
    """Subscribes to everything that the simulated robot sends, and can command it.

    Attributes:
        stamps: topic -> stamps [ns] of the messages received since `clear`.
        newest: topic -> newest message.
        truth: newest content of ~/episode.
    """

    def __init__(self) -> None:
        self.stamps: dict[str, list[int]] = {}
        self.newest: dict[str, Any] = {}
        self.sound: list[np.ndarray] = []
        self.truth: dict[str, Any] = {}
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = Node("listener", context=self._context)
        for kind, topic in ((JointState, "joint_states"), (Image, "camera/image_raw"), (Odometry, "odom")):
            self.node.create_subscription(kind, topic, lambda m, topic=topic: self._keep(topic, m), qos_profile_sensor_data)
        self.node.create_subscription(
            Int16MultiArray, "audio", lambda m: self.sound.append(np.array(m.data, np.int16)), qos_profile_sensor_data
        )
        self.node.create_subscription(String, "sim_node/episode", self._on_truth, 10)
        self.trajectories = self.node.create_publisher(JointTrajectory, "arm_controller/joint_trajectory", 1)
        self.velocities = self.node.create_publisher(TwistStamped, "cmd_vel", 1)
        self._reset = self.node.create_client(Trigger, "sim_node/reset")
        self._parameters = self.node.create_client(SetParameters, "sim_node/set_parameters")
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _keep(self, topic: str, message: Any) -> None:
        self.newest[topic] = message
        self.stamps.setdefault(topic, []).append(to_nanoseconds(message.header.stamp))

    def _on_sound(self, message: Int16MultiArray) -> None:
        self.sound.append(np.array(message.data, np.int16))

    def _on_truth(self, message: String) -> None:
        self.truth = json.loads(message.data)

    def clear(self) -> None:
        """Begin a new recording."""
        self.stamps.clear()
        self.sound.clear()

    def base_velocity(self) -> np.ndarray:
        twist = self.newest["odom"].twist.twist
        return np.array([twist.linear.x, twist.linear.y, twist.angular.z])

    def drive(self, velocity: tuple[float, float, float]) -> None:
        message = TwistStamped()
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.twist.linear.x, message.twist.linear.y, message.twist.angular.z = velocity
        self.velocities.publish(message)

    def send_trajectory(self, names: list[str], positions: list[float], seconds: float) -> None:
        point = JointTrajectoryPoint(positions=positions)
        point.time_from_start.sec, point.time_from_start.nanosec = int(seconds), int(seconds % 1 * 1e9)
        self.trajectories.publish(JointTrajectory(joint_names=names, points=[point]))

    def joints(self) -> dict[str, float]:
        message = self.newest["joint_states"]
        return dict(zip(message.name, message.position, strict=True))

    def reset(self) -> Trigger.Response:
        return self.call(self._reset, Trigger.Request())

    def set(self, name: str, value: object) -> Any:
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.call(self._parameters, request).results[0]

    def call(self, client: Any, request: Any) -> Any:
        """What a service answers."""
        assert client.wait_for_service(10.0)
        future = client.call_async(request)
        wait_until(future.done, 10.0, f"an answer of {client.srv_name}")
        return future.result()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


class NodeProcess:
    """A node's process; its output goes to a file."""

    def __init__(self, log: Path, module: str, **parameters: object) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in (PROFILES, "MUJOCO_GL")}  # the node has to choose them by itself
        command = [sys.executable, "-m", module, "--ros-args"]
        for name, value in parameters.items():
            command += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)

    def interrupt(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Send a signal; returns the exit code and how long [s] the end took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(10.0), time.monotonic() - begin

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class SimProcess(NodeProcess):
    """The simulated robot's."""

    def __init__(self, log: Path, **parameters: object) -> None:
        super().__init__(log, "neon_control.sim.sim_node", **parameters)


@contextlib.contextmanager
def simulated_robot(folder: Path, **parameters: object) -> Iterator[tuple[SimProcess, Listener]]:
    """Process and listener, up and running; the process's output is printed when a test fails."""
    listener = Listener()
    process = SimProcess(folder / "sim_node.log", **parameters)
    try:
        drives = load_robot(str(parameters.get("robot_config", "g1.yaml"))).base is not None
        topics = ("joint_states", "camera/image_raw", *(["odom"] if drives else []))
        wait_until(lambda: listener.truth and all(t in listener.newest for t in topics) and listener.sound, 60.0, "all topics")
        yield process, listener
    finally:
        listener.close()  # first: Fast DDS once crashed while leaving beside a process that had just been killed
        process.kill()
        print(process.log.read_text())
