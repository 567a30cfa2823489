"""What is read of a status, and whose it is."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from neon_control.nodes.status import read_status


def test_a_status_message_is_read_with_its_node_part_level_and_numbers() -> None:
    item = DiagnosticStatus(name="/left/executor_node: control", level=DiagnosticStatus.ERROR, message="stopped")
    values = {"rate_hz": "99.5", "age": "nan", "oldest": "inf", "state": "estopped"}
    item.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    read = read_status(item, 3.0, "/left")
    assert read is not None
    assert (read.node, read.part, read.level, read.received) == ("executor_node", "control", 2, 3.0)
    assert [read.number(key) for key in (*values, "none")] == [99.5, None, None, None, None]


@pytest.mark.parametrize(
    ("name", "namespace", "node"),
    [
        ("executor_node: control", "/", "executor_node"),
        ("executor_node: control", "/left", None),
        ("left/executor_node: control", "/left", "executor_node"),
        ("left/executor_node: control", "/", "left/executor_node"),
        ("left_arm/executor_node: control", "/left", None),
    ],
)
def test_another_robots_status_is_not_taken_for_ours(name: str, namespace: str, node: str | None) -> None:
    read = read_status(DiagnosticStatus(name=name), 3.0, namespace)
    assert (read.node if read is not None else None) == node
