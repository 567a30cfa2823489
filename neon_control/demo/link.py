"""What the demo knows about the running nodes, and what it asks of them, beyond what every monitor does: the simulation's truth."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.control.supervisor import FOLLOWING
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S
from neon_control.monitor.controls import ExecutorControls
from neon_control.monitor.link import EXECUTOR, INFERENCE, SERVICE_LIMIT, Link, LinkError
from neon_control.nodes.polling import PolledSubscription
from neon_control.nodes.status import Status

SIM = "sim_node"


@dataclass(frozen=True)
class ImageCount:
    """Images sent by the camera and received by the inference node, at one moment."""

    sent: int
    received: int


@dataclass(frozen=True)
class Commands:
    """What one controller was sent, in order."""

    sent: tuple[int, ...]  # [ns] when each message was sent
    times: tuple[int, ...]  # (T,) [ns] when each knot of the motion was due
    positions: np.ndarray  # (T, J) [rad, m]


class DemoLink(Link):
    """A link that also knows the simulation, and keeps the JointTrajectories on `command_topic`, if there is one.

    Attributes:
        sim: the simulation's node.
        image_counts: one for each status of the inference node.
    """

    sim = SIM

    def __init__(self, command_topic: str | None = None) -> None:
        super().__init__("demo")
        self._truth: dict[str, Any] = {}
        self._truth_lock = threading.Lock()
        self.image_counts: list[ImageCount] = []
        self._commands: list[tuple[int, bytes]] = []  # [ns], message
        # Asked when somebody wants to know: a callback for each message costs more than all else that an unwatched page does.
        self._episode = PolledSubscription(self.node, String, f"{self.sim}/episode", QoSProfile(depth=1))
        if command_topic is not None:
            # Read when the trial is over, so that this process takes little while the robot moves. A deep queue: a busy moment loses none.
            self.node.create_subscription(JointTrajectory, command_topic, self._on_command, QoSProfile(depth=200), raw=True)
        self.listeners.append(self._count_images)
        self._controls = ExecutorControls(self)
        self._reset: Client[Any, Any] = self.node.create_client(Trigger, f"{self.sim}/reset")
        self._parameters: Client[Any, Any] = self.node.create_client(SetParameters, f"{self.sim}/set_parameters")
        self.start()

    @property
    def truth(self) -> dict[str, Any]:
        """What `~/episode` of the simulation said last; empty before. From any thread."""
        with self._truth_lock:
            for data in self._episode.take():
                self._truth = json.loads(deserialize_message(data, String).data)
            return self._truth

    def _count_images(self, status: Status) -> None:
        truth = self.truth
        if status.node == INFERENCE and truth:
            self.image_counts.append(ImageCount(truth["images_sent"], int(status.values.get("images_received", 0))))

    def _on_command(self, data: Any, info: Any) -> None:
        self._commands.append((info["source_timestamp"], data))

    def missing(self) -> list[str]:
        """Which nodes do not do their work yet, and why; empty when all do."""
        problems = []
        if not self.truth:
            problems.append(f"{self.sim}: nothing received")
        if not self.number(INFERENCE, "chunks_published"):
            problems.append(f"{INFERENCE}: {self._message(INFERENCE)}")
        if self.value(EXECUTOR, "state") not in FOLLOWING:
            problems.append(f"{EXECUTOR}: {self._message(EXECUTOR)}")
        return problems

    def _message(self, node: str) -> str:
        return self.statuses[node].message if node in self.statuses else "nothing received"

    def reset(self) -> None:
        """Begin the next episode: the robot stands at home, forgets what it heard, and then follows its policy anew."""
        # The executor would otherwise pull the robot from its new pose to the one that it commanded last, and the policy
        # would obey the last command until it has left its memory of the past two seconds.
        self._controls.disable()
        self._give_arms_back()
        before = self.truth.get("resets", 0)
        answer = self.call(self._reset, Trigger.Request())
        if not answer.success:
            raise LinkError(f"{self.sim} refused to reset: {answer.message}")
        self._take_arms()
        if not self.wait(lambda: self.truth.get("resets", 0) > before and self.truth["time"] >= AUDIO_WINDOW_S, SERVICE_LIMIT):
            raise LinkError(f"{self.sim} did not begin a new episode within {SERVICE_LIMIT:.0f} s")
        self._controls.enable()

    def _give_arms_back(self) -> None:
        """The robot is about to be put somewhere else: whatever holds its arms beside the executor lets go."""

    def _take_arms(self) -> None:
        """It has been put there."""

    def more_figures(self) -> dict[str, Any]:
        """What the report of a headless run says besides the trials."""
        seams = {p: self.number(EXECUTOR, f"seam_mrad/{p}") for p in ("p50", "p95", "max")}
        chunks, prefixes = (self.number(INFERENCE, key) or 0.0 for key in ("chunks_published", "prefixes"))
        return {
            "seam_mrad": seams,
            "prefixed": round(prefixes / chunks, 3) if chunks else None,
            "stops_for_chunks": int(self.number(EXECUTOR, "stops/chunks") or 0),
        }

    def set_parameter(self, name: str, value: Any) -> None:
        """Set a parameter of the simulation."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self.call(self._parameters, request).results[0]
        if not result.successful:
            raise LinkError(f"{self.sim} refused {name} = {value!r}: {result.reason}")

    def forget_commands(self) -> None:
        """Begin a new measurement of the commands."""
        self._commands.clear()

    def commands(self) -> Commands:
        """Those since `forget_commands`, and the knots of the motion that they told, each as of the last message before it was due."""
        kept = list(self._commands)
        found: dict[int, list[float]] = {}  # [ns] -> (J,) [rad, m]
        for (sent, data), (following, _) in zip(kept, [*kept[1:], (kept[-1][0] if kept else 0, b"")], strict=True):
            message = deserialize_message(data, JointTrajectory)
            begin = to_nanoseconds(message.header.stamp) or sent
            instants = [begin + to_nanoseconds(point.time_from_start) for point in message.points]
            found |= {t: point.positions for t, point in zip(instants, message.points, strict=True) if t <= following}
        times = sorted(found)
        return Commands(tuple(sent for sent, _ in kept), tuple(times), np.array([found[time] for time in times]))
