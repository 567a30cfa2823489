"""Whether anybody hears the commands: a topic that is named otherwise, another type, a QoS that does not match, or only those who watch.

The middleware connects a publisher with the subscriptions of its topic, type and QoS, and counts them. That number is looked at in every
control period (0.7 us a topic); who they are, and who else is there, is asked of the graph once a second, in another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from neon_control.nodes.checked_messages import full_name

# Nodes that show or record commands and move nothing: our own, and those that people start for that.
OWN_WATCHERS = ("monitor", "monitor_node", "demo", "recorder")
OTHER_WATCHERS = ("rosbag2_", "_ros2cli", "foxglove_bridge", "rviz")  # what their names begin with


class Listeners:
    """Those of a node's publishers on `topics`.

    Attributes:
        problems: what is wrong, as of the last `look`; empty when every topic is heard.

    Args:
        undecided: makes publishers whose type depends on who listens, and says what keeps from it; or says who else is missing, as the
            server of an action.
    """

    def __init__(self, node: Node, topics: Collection[str], undecided: Collection[Callable[[], str]] = ()) -> None:
        self._node, self._undecided = node, undecided
        self._names = {node.resolve_topic_name(topic) for topic in topics}
        self._counted: list[tuple[Publisher[Any], int]] = []  # publishers, and how many of those who hear them only watch
        self.problems: list[str] = ["nobody has looked yet who listens"]

    def complete(self) -> bool:
        """Whether somebody hears every topic who may act on it."""
        if not self.problems:
            return all(publisher.get_subscription_count() > watchers for publisher, watchers in self._counted)
        return False

    def look(self) -> None:
        """Ask the graph anew; not in the control thread."""
        problems = [problem for decide in self._undecided if (problem := decide())]
        counted = []
        for publisher in self._node.publishers:
            if publisher.topic_name not in self._names:
                continue
            topic, ours = publisher.topic_name, full_name(publisher.msg_type)
            found = self._node.get_subscriptions_info_by_topic(topic)
            same = [each for each in found if each.topic_type == ours]
            acting = [each for each in same if not watches(each.node_name)]
            watchers = len(same) - len(acting)
            counted.append((publisher, watchers))
            if publisher.get_subscription_count() > watchers:
                continue
            reasons = [f"{e.node_name} expects {e.topic_type}, not {ours}" for e in found if e.topic_type != ours]
            reasons += [
                f"the QoS of {e.node_name} does not fit ({_qos(e.qos_profile)}; ours {_qos(publisher.qos_profile)})" for e in acting
            ]
            problems.append(f"{topic}: {', '.join(reasons) or f'nobody subscribes to these {ours}'}")
        self._counted, self.problems = counted, problems


def watches(name: str) -> bool:
    """Whether a node of this name shows or records commands, and moves nothing."""
    return name in OWN_WATCHERS or name.startswith(OTHER_WATCHERS)


def _qos(profile: QoSProfile) -> str:
    return f"{profile.reliability.name.lower()}, {profile.durability.name.lower()}"
