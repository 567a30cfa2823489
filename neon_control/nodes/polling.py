"""Topics that are read in every control period, at a fraction of a callback's cost.

A callback per message makes rclpy rebuild its whole wait set and hold the interpreter meanwhile, just when the control loop
wants to wake up. So nobody spins these subscriptions: the control thread takes what has arrived. How joint states are read is in
`joint_state_reader.py`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

# Publishers share the queue: it holds what one of 1 kHz sends in a quarter of a second, so that it pushes out none that is slower.
JOINT_STATES_QOS = QoSProfile(depth=256, reliability=ReliabilityPolicy.BEST_EFFORT)
MOST_RATE, LEAST_TAKEN = 5000.0, 32  # [1/s] messages that are looked at in the long run, and at once at least


def most_taken(rate_hz: float) -> int:
    """How many messages one of `rate_hz` looks a second takes at most, so that a flood costs no more than a part of the period."""
    return max(LEAST_TAKEN, round(MOST_RATE / rate_hz))


class _NeverSpun(CallbackGroup):
    """Keeps its entities out of every executor's wait set."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


def publisher_of(info: Any) -> bytes | None:
    """Who sent a message, as the middleware numbers publishers; None where rclpy does not tell (Jazzy)."""
    gid = info.get("publisher_gid")
    return None if gid is None else gid["data"]


class PolledSubscription:
    """Serialised messages of `topic` since the last `take`, as many as the QoS depth keeps.

    Attributes:
        received: [s] monotonic, when the last message was taken; None before.

    Args:
        most: messages that one `take` gives, so that a flood does not hold it for ever; None: whatever there is.
    """

    def __init__(self, node: Node, kind: type, topic: str, qos: QoSProfile, most: int | None = None) -> None:
        self._node, self._kind, self._most = node, kind, most
        self.received: float | None = None
        self._group = _NeverSpun()  # nodes hold their groups weakly
        self._subscription = node.create_subscription(kind, topic, lambda message: None, qos, callback_group=self._group)

    def close(self) -> None:
        """Unsubscribe; nothing can be taken any more."""
        self._node.destroy_subscription(self._subscription)

    def take(self) -> Iterator[bytes]:
        """The messages that have arrived, oldest first."""
        return (data for data, _ in self.take_with_info())

    def take_with_info(self) -> Iterator[tuple[bytes, Any]]:
        """The same, each with what the middleware says about it: times, publisher, sequence number."""
        for taken in waiting(self._subscription, self._kind, self._most):
            self.received = time.monotonic()
            yield taken


def waiting(subscription: Subscription[Any], kind: type, most: int | None = None) -> Iterator[tuple[bytes, Any]]:
    """Take what waits in a subscription, oldest first, at most `most` messages."""
    handle = subscription.handle
    for _ in itertools.count() if most is None else range(most):
        with handle:
            taken = handle.take_message(kind, True)
        if taken is None:
            return
        yield taken
