"""Who may release the e-stop: nodes of given names, as far as the middleware can tell them apart.

A request does not say who sent it: rclpy tells its number only. What can be told is who *could* have sent it: the nodes that have a client
of the service now, by their names, and how many clients there are, those of programs that are no ROS node included. So a release counts
only where every client belongs to a node that is named, and there is one. That keeps out what is run by mistake, a script or a second page,
and whoever does not know the name. Names are not proven: against somebody who takes one, only ROS 2 security helps (docs/safety.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node


def refusal(node: Node, service: str, allowed: Sequence[str]) -> str:
    """Why a call of `service` (relative or `~/`) that came just now is not followed; empty where it is.

    Args:
        allowed: full names of nodes, for example `/monitor`; empty: anybody.
    """
    if not allowed:
        return ""
    topic = node.resolve_service_name(service)
    clients = [
        f"{namespace.rstrip('/')}/{name}"
        for name, namespace in node.get_node_names_and_namespaces()
        if any(known == topic for known, _ in node.get_client_names_and_types_by_node(name, namespace))
    ]
    strangers, count = sorted(set(clients) - set(allowed)), node.count_clients(topic)
    if clients and not strangers and count <= len(clients):
        return ""
    # A node's client is counted before the graph tells whose it is, and in its first moments both look alike.
    unnamed = "a program that is no ROS node, or one whose name is not known yet" if count > len(clients) else "a node that is gone already"
    who = ", ".join(strangers) or unnamed
    return f"only {', '.join(allowed)} may release and reset the e-stop (`estop_release_nodes`); this may have come from {who}"
