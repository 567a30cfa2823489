"""One topic each, read when somebody wants to know and not when a message comes.

A callback for each of the several hundred messages a second would cost more than everything else that a page or a drawing does. A
reader may wait until somebody publishes its topic, and take the type that is published; what the publisher then does, ending and
coming back included, is the middleware's business.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.polling import PolledSubscription


class TopicReader:
    """The newest messages of the first of some topics that is published.

    Attributes:
        kind: the type on the wire as "package/Type"; empty before anyone publishes.
        received: [s] monotonic, when the last message was taken; None before.

    Args:
        topics: (name, the types that are understood), the preferred one first.
        depth: messages kept between two looks.
    """

    def __init__(self, node: Node, topics: Sequence[tuple[str, Sequence[str]]], depth: int = 1) -> None:
        self._node, self._topics, self._depth = node, topics, depth
        self._subscription: PolledSubscription | None = None
        self._class: Any = None  # of `kind`
        self.kind = ""
        self.received: float | None = None

    @property
    def subscribed(self) -> bool:
        """Whether messages may come."""
        return self._subscription is not None

    def look_for(self, published: dict[str, list[str]]) -> None:
        """Subscribe if a topic is there; `published` is what the graph knows, full name -> types."""
        for name, kinds in self._topics:
            found = {kind.replace("/msg/", "/") for kind in published.get(self._node.resolve_topic_name(name), [])}
            kind = next((kind for kind in kinds if kind in found), None)
            if kind is not None:
                self._subscribe(name, kind)
                return

    def subscribe(self) -> None:
        """Subscribe whether anybody publishes or not, to the preferred topic and type."""
        name, kinds = self._topics[0]
        self._subscribe(name, kinds[0])

    def _subscribe(self, name: str, kind: str) -> None:
        package, _, type_name = kind.partition("/")
        self._class = getattr(importlib.import_module(f"{package}.msg"), type_name)
        self.kind = kind
        # Best effort fits every publisher, and none ever waits for this reader.
        qos = QoSProfile(depth=self._depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._subscription = PolledSubscription(self._node, self._class, name, qos)

    def release(self) -> None:
        """Unsubscribe; `look_for` subscribes anew."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def take_raw(self) -> list[bytes]:
        """What has arrived since the last call, serialised, oldest first; at most `depth`."""
        messages = list(self._subscription.take()) if self._subscription is not None else []
        if messages:
            self.received = time.monotonic()
        return messages

    def take(self) -> list[Any]:
        """What has arrived since the last call, oldest first; at most `depth`. Raises as `read_message`."""
        return [read_message(data, self._class) for data in self.take_raw()]

    def newest(self) -> Any | None:
        """The newest message since the last call, or None; raises as `take`."""
        messages = self.take_raw()
        return read_message(messages[-1], self._class) if messages else None
