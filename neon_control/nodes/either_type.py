"""One topic that may carry either of some types: the first of them, until somebody publishes only another one.

A participant of DDS has one type for a topic, so there is one subscription at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from neon_control.nodes.checked_messages import full_name
from neon_control.nodes.polling import PolledSubscription


class EitherType:
    """Read by one thread, looked after by another.

    Args:
        kinds: message classes, the preferred one first.
        most: messages that one `take` gives.
    """

    def __init__(self, node: Node, topic: str, kinds: Sequence[type], qos: QoSProfile, most: int) -> None:
        self._node, self._topic, self._kinds, self._qos, self._most = node, topic, kinds, qos, most
        self._lock = threading.Lock()
        self._open(kinds[0])

    def _open(self, kind: type) -> None:
        self.kind = kind
        self._subscription: PolledSubscription | None = PolledSubscription(self._node, kind, self._topic, self._qos, self._most)

    def look(self) -> None:
        """Change over, if nobody publishes what is read now, and somebody does another type; not in the thread that reads."""
        if len(self._kinds) == 1:
            return
        found = {info.topic_type for info in self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(self._topic))}
        published = [kind for kind in self._kinds if full_name(kind) in found]
        if not published or self.kind in published:
            return
        with self._lock:
            old, self._subscription = self._subscription, None
        if old is not None:
            old.close()
        self._open(published[0])

    def take(self) -> list[tuple[type, bytes, Any]]:
        """What has arrived since the last call, oldest first: the class, the serialised message, what the middleware says of it."""
        with self._lock:
            kind, subscription = self.kind, self._subscription
            return [] if subscription is None else [(kind, data, info) for data, info in subscription.take_with_info()]
