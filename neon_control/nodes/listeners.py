"""Whether anybody hears the commands: a topic that is named otherwise, another type, a QoS that does not match, or only those who watch.

The middleware connects a publisher with the subscriptions of its topic, type and QoS, and counts them. That number is looked at in every
control period (0.7 us a topic); who they are, and who else is there, is asked of the graph once a second, in another thread.
"""

from __future__ import annotations

from collections.abc import Collection

from rclpy.node import Node
from rclpy.qos import QoSProfile

# Nodes that show or record commands and move nothing: our own, and those that people start for that.
OWN_WATCHERS = ("monitor", "monitor_node", "demo", "recorder")
OTHER_WATCHERS = ("rosbag2_", "_ros2cli", "foxglove_bridge", "rviz")  # what their names begin with


class Listeners:
    """Those of a node's publishers on `topics`.

    Attributes:
        problems: what is wrong, as of the last `look`; empty when every topic is heard.
    """

    def __init__(self, node: Node, topics: Collection[str]) -> None:
        self._node = node
        names = {node.resolve_topic_name(topic) for topic in topics}
        self._publishers = [p for p in node.publishers if p.topic_name in names]
        self._watchers = [0] * len(self._publishers)
        self.problems: list[str] = ["nobody has looked yet who listens"]

    def complete(self) -> bool:
        """Whether somebody hears every topic who may act on it."""
        if not self.problems:
            return all(p.get_subscription_count() > w for p, w in zip(self._publishers, self._watchers, strict=True))
        return False

    def look(self) -> None:
        """Ask the graph anew; not in the control thread."""
        problems = []
        for number, publisher in enumerate(self._publishers):
            topic, ours = publisher.topic_name, _type_name(publisher.msg_type)
            found = self._node.get_subscriptions_info_by_topic(topic)
            same = [each for each in found if each.topic_type == ours]
            acting = [each for each in same if not _watches(each.node_name)]
            self._watchers[number] = len(same) - len(acting)
            if publisher.get_subscription_count() > self._watchers[number]:
                continue
            reasons = [f"{e.node_name} expects {e.topic_type}, not {ours}" for e in found if e.topic_type != ours]
            reasons += [
                f"the QoS of {e.node_name} does not fit ({_qos(e.qos_profile)}; ours {_qos(publisher.qos_profile)})" for e in acting
            ]
            problems.append(f"{topic}: {', '.join(reasons) or f'nobody subscribes to these {ours}'}")
        self.problems = problems


def _watches(name: str) -> bool:
    return name in OWN_WATCHERS or name.startswith(OTHER_WATCHERS)


def _qos(profile: QoSProfile) -> str:
    return f"{profile.reliability.name.lower()}, {profile.durability.name.lower()}"


def _type_name(kind: type) -> str:
    """As the graph has it: package/msg/Type."""
    package, middle, _ = kind.__module__.split(".", 2)
    return f"{package}/{middle}/{kind.__name__}"
