"""What the demo knows about the running nodes, and what it asks of them: one ROS node, spun in a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.errors import NeonControlError
from neon_control.sim.voice import HEARING_WINDOW_S

SIM, INFERENCE, EXECUTOR = "sim_node", "inference_node", "executor_node"
SERVICE_LIMIT = 10.0  # [s]


class LinkError(NeonControlError):
    """A node did not answer, or refused; the message names node and service."""


@dataclass(frozen=True)
class ImageCount:
    """Images sent by the camera and received by the inference node, at one moment."""

    sent: int
    received: int


class DemoLink:
    """Newest state of all nodes, and calls to them.

    Attributes:
        node: for further subscriptions; callbacks run in the link's thread.
        truth: what `~/episode` of the simulation said last; empty before.
        diagnostics: node name -> newest values of its status, as strings; `message` is the status's text.

    Args:
        command_topic: JointTrajectory topic whose rate is measured.
    """

    def __init__(self, command_topic: str) -> None:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("demo")
        self.truth: dict[str, Any] = {}
        self.diagnostics: dict[str, dict[str, str]] = {}
        self.image_counts: list[ImageCount] = []
        self._command_times: list[int] = []  # [ns]
        self._changed = threading.Condition()
        self.node.create_subscription(String, f"{SIM}/episode", self._on_truth, 10)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 20)
        # Only times are needed: the bytes are left as they are. A deep queue, so that a busy moment loses none.
        self.node.create_subscription(JointTrajectory, command_topic, self._on_command, QoSProfile(depth=200), raw=True)
        self._clients = {
            "reset": self.node.create_client(Trigger, f"{SIM}/reset"),
            "parameters": self.node.create_client(SetParameters, f"{SIM}/set_parameters"),
            "change_state": self.node.create_client(ChangeState, f"{EXECUTOR}/change_state"),
        }
        self._spinner = SingleThreadedExecutor()
        self._spinner.add_node(self.node)
        self._running = True
        self._thread = threading.Thread(target=self._spin, name="demo_link", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            while self._running:
                self._spinner.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass

    def _on_truth(self, message: String) -> None:
        with self._changed:
            self.truth = json.loads(message.data)
            self._changed.notify_all()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._changed:
            for status in message.status:
                name = status.name.split(":")[0].rsplit("/", 1)[-1]
                self.diagnostics[name] = {"message": status.message, **{v.key: v.value for v in status.values}}
                if name == INFERENCE and self.truth:
                    self.image_counts.append(ImageCount(self.truth["images_sent"], int(self.diagnostics[name].get("images_received", 0))))
            self._changed.notify_all()

    def _on_command(self, _: bytes, info: dict[str, int]) -> None:
        self._command_times.append(info["source_timestamp"])

    # --- waiting ---

    def wait(
        self,
        condition: Callable[[], object],
        limit: float,
        check: Callable[[], None] = lambda: None,
        on_wait: Callable[[], None] = lambda: None,
    ) -> bool:
        """Wait for `condition`, asking again at every message; False when `limit` [s] passed.

        Args:
            check: called again and again; raises to end the wait, for example when a process died.
            on_wait: called again and again, for example to draw a progress bar.
        """
        deadline = time.monotonic() + limit
        while True:
            check()
            on_wait()
            with self._changed:
                if condition():
                    return True
                if time.monotonic() >= deadline:
                    return False
                self._changed.wait(0.1)

    def missing(self) -> list[str]:
        """Which nodes do not do their work yet, and why; empty when all do."""
        problems = []
        if not self.truth:
            problems.append(f"{SIM}: nothing received")
        inference = self.diagnostics.get(INFERENCE, {})
        if not int(inference.get("chunks_published", 0)):
            problems.append(f"{INFERENCE}: {inference.get('message', 'nothing received')}")
        if not self.following:
            problems.append(f"{EXECUTOR}: {self.diagnostics.get(EXECUTOR, {}).get('message', 'nothing received')}")
        return problems

    @property
    def following(self) -> bool:
        """Whether the executor follows the policy's chunks."""
        return self.diagnostics.get(EXECUTOR, {}).get("state") in ("ramping", "running")

    # --- requests ---

    def reset(self) -> None:
        """Begin the next episode: the robot stands at home, forgets what it heard, and then follows its policy anew."""
        # The executor would otherwise pull the robot from its new pose to the one that it commanded last, and the policy
        # would obey the last command until it has left its memory of the past two seconds.
        self._executor_transition(Transition.TRANSITION_DEACTIVATE, "deactivate")
        before = self.truth.get("resets", 0)
        answer = self._call("reset", Trigger.Request())
        if not answer.success:
            raise LinkError(f"{SIM} refused to reset: {answer.message}")
        if not self.wait(lambda: self.truth.get("resets", 0) > before and self.truth["time"] >= HEARING_WINDOW_S, SERVICE_LIMIT):
            raise LinkError(f"{SIM} did not begin a new episode within {SERVICE_LIMIT:.0f} s")
        self._executor_transition(Transition.TRANSITION_ACTIVATE, "activate")

    def _executor_transition(self, number: int, name: str) -> None:
        request = ChangeState.Request(transition=Transition(id=number))
        if not self._call("change_state", request).success:
            raise LinkError(f"{EXECUTOR} refused to {name}; see its log")

    def set_parameter(self, name: str, value: object) -> None:
        """Set a parameter of the simulation."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self._call("parameters", request).results[0]
        if not result.successful:
            raise LinkError(f"{SIM} refused {name} = {value!r}: {result.reason}")

    def _call(self, client_name: str, request: Any) -> Any:
        client = self._clients[client_name]
        if not client.wait_for_service(SERVICE_LIMIT):
            raise LinkError(f"nobody offers {client.srv_name} within {SERVICE_LIMIT:.0f} s")
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(SERVICE_LIMIT):
            raise LinkError(f"no answer from {client.srv_name} within {SERVICE_LIMIT:.0f} s")
        return future.result()

    # --- measurements ---

    def forget_commands(self) -> None:
        """Begin a new measurement of the command rate."""
        self._command_times.clear()

    def command_times(self) -> list[int]:
        """[ns] when each command since `forget_commands` was sent."""
        return list(self._command_times)

    def number(self, node: str, key: str) -> float | None:
        """A number from a node's diagnostics; None when it is not there or is no number."""
        try:
            value = float(self.diagnostics.get(node, {}).get(key, "nan"))
        except ValueError:
            return None
        return value if value == value else None

    def close(self) -> None:
        """Leave the graph."""
        self._running = False
        self._thread.join(2.0)
        self._spinner.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def __enter__(self) -> DemoLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
