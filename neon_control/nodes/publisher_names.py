"""Who publishes a topic, for people: the middleware numbers publishers, and the graph knows whose they are."""

from __future__ import annotations

from rclpy.node import Node


def with_names(text: str, node: Node, topic: str) -> str:
    """`text` with the names of nodes in the place of the numbers of `topic`'s publishers, in hexadecimal."""
    for each in node.get_publishers_info_by_topic(topic):
        number = bytes(each.endpoint_gid).hex()
        text = text.replace(number, f"{each.node_namespace.rstrip('/')}/{each.node_name} ({number[-8:]})")
    return text


def publishers(node: Node, topic: str) -> str:
    """The nodes that publish `topic`, in one line."""
    return ", ".join(sorted(f"{each.node_namespace.rstrip('/')}/{each.node_name}" for each in node.get_publishers_info_by_topic(topic)))
