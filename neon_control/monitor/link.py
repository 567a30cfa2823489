"""A tool's place in the running system: one ROS node, spun in a thread of its own; what all nodes say of themselves; calls to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from neon_control.core.common.errors import NeonControlError, ObservationError
from neon_control.core.robot.topic_names import DIAGNOSTICS
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.start import start_ros
from neon_control.nodes.status import Status, read_status

AnyLink = TypeVar("AnyLink", bound="Link")
INFERENCE, EXECUTOR = "inference_node", "executor_node"
SERVICE_LIMIT = 10.0  # [s]
WAKE_UP = 0.5  # [s] longest time that the thread sleeps without work


class LinkError(NeonControlError):
    """A node did not answer, or refused; the message names node and service."""


class LinkClosed(LinkError):
    """The link was closed meanwhile: there is nobody left to tell."""


class Link:
    """Newest status of all nodes, and calls to them. A context manager.

    Attributes:
        node: for further subscriptions and clients; callbacks run in the link's thread.
        statuses: node name -> its newest status.
        listeners: called with every status, in the link's thread.

    Args:
        name, namespace: of the node. `/diagnostics` is one topic for all namespaces of a domain; what is not from ours is not heard.
        domain: DDS domain; None takes ROS_DOMAIN_ID.

    Raises:
        ConfigError: ROS 2 does not start.
    """

    def __init__(self, name: str, namespace: str = "", domain: int | None = None) -> None:
        start_ros([], domain)
        self.node = Node(name, namespace=namespace or None, start_parameter_services=False)
        self.statuses: dict[str, Status] = {}
        self.listeners: list[Callable[[Status], None]] = []
        self.changed = threading.Condition()
        # Best effort fits every publisher, and none ever waits for this reader.
        qos = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.node.create_subscription(DiagnosticArray, DIAGNOSTICS, self._receive, qos, raw=True)
        self._spinner = SingleThreadedExecutor()
        self._spinner.add_node(self.node)
        self._running = True
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)

    def start(self) -> None:
        """Begin to receive; callbacks that are registered before lose nothing."""
        self._thread.start()

    def _spin(self) -> None:
        try:
            while self._running:
                self._spinner.spin_once(timeout_sec=WAKE_UP)
        except ExternalShutdownException:
            pass

    def _receive(self, data: bytes) -> None:
        try:
            self._on_diagnostics(read_message(data, DiagnosticArray))
        except ObservationError as error:
            self.node.get_logger().warning(f"{DIAGNOSTICS}: {error}", throttle_duration_sec=5.0)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now = time.monotonic()
        with self.changed:
            for item in message.status:
                status = read_status(item, now, self.node.get_namespace())
                if status is None:
                    continue
                self.statuses[status.node] = status
                for listener in self.listeners:
                    listener(status)
            self.changed.notify_all()

    def value(self, node: str, key: str) -> str:
        """A text from a node's diagnostics; empty when it is not there."""
        return self.statuses[node].values.get(key, "") if node in self.statuses else ""

    def number(self, node: str, key: str) -> float | None:
        """A number from a node's diagnostics; None when it is not there or is no number."""
        return self.statuses[node].number(key) if node in self.statuses else None

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

        Raises:
            LinkClosed: the link is closed, or was while waiting.
        """
        deadline = time.monotonic() + limit
        while True:
            check()
            on_wait()
            with self.changed:
                if not self._running:  # asked first, under the lock of `close`: a condition may not ask a graph that is gone
                    raise LinkClosed("the link is closed")
                if condition():
                    return True
                if time.monotonic() >= deadline:
                    return False
                self.changed.wait(0.1)

    def call(self, client: Client[Any, Any], request: Any, limit: float = SERVICE_LIMIT) -> Any:
        """Call a service from any thread but the link's own, and return its answer.

        Raises:
            LinkError: nobody offers the service, or nobody answers, within `limit` [s].
            LinkClosed: as of `wait`.
        """
        if not self.wait(client.service_is_ready, limit):
            raise LinkError(f"nobody offers {client.srv_name} within {limit:.0f} s")
        future = client.call_async(request)
        future.add_done_callback(self._notify)
        if not self.wait(future.done, limit):
            raise LinkError(f"no answer from {client.srv_name} within {limit:.0f} s")
        return future.result()

    def _notify(self, _: object) -> None:
        with self.changed:
            self.changed.notify_all()

    def close(self) -> None:
        """Leave the graph; whoever waits for it gets a `LinkClosed`."""
        with self.changed:
            self._running = False
            self.changed.notify_all()
        self._spinner.wake()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._spinner.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def __enter__(self: AnyLink) -> AnyLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
