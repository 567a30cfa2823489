"""Who may release the e-stop, as far as the graph tells, on real nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rclpy.node import Node
from std_srvs.srv import SetBool
from waiting import wait_until

from neon_control.nodes.release_guard import refusal


@contextmanager
def client(name: str, namespace: str = "") -> Iterator[None]:
    node = Node(name, namespace=namespace, start_parameter_services=False)
    node.create_client(SetBool, "/executor/estop")
    try:
        yield
    finally:
        node.destroy_node()


def until(condition: Callable[[], object], what: str) -> None:
    wait_until(condition, 10.0, what)


def test_only_the_named_nodes_may_and_nobody_beside_them(ros: int) -> None:
    node = Node("executor")
    node.create_service(SetBool, "~/estop", lambda request, response: response)

    def why(*allowed: str) -> str:
        return refusal(node, "~/estop", allowed)

    assert why() == "", "anybody, where nobody is named"
    assert "a node that is gone already" in why("/monitor")
    with client("monitor"):
        until(lambda: why("/monitor") == "", "the named node")
        assert "only /left/monitor may release and reset the e-stop" in why("/left/monitor")
        with client("script", "/lab"):
            until(lambda: "this may have come from /lab/script" in why("/monitor"), "a stranger")
            assert why("/monitor", "/lab/script") == ""
        until(lambda: why("/monitor") == "", "the end of the stranger")
    node.destroy_node()
