"""Messages of the package's own code in a node's log."""

from __future__ import annotations

import logging

import pytest
import rclpy
from rclpy.node import Node

from neon_control.nodes.python_log import NodeLog
from neon_control.runtime.compute import sessions


def test_messages_of_the_package_reach_the_nodes_log_until_it_is_closed(ros: int, capfd: pytest.CaptureFixture[str]) -> None:
    node = Node("speaker")
    handler = NodeLog(node)
    sessions.log.info("%s runs", "first")
    sessions.log.warning("second")
    logging.getLogger("elsewhere").warning("third")
    handler.close()
    sessions.log.info("fourth")
    node.destroy_node()
    rclpy.try_shutdown()
    lines = [line for line in capfd.readouterr().err.splitlines() if "[speaker]" in line]
    assert [(line.split("]")[0], line.split("]: ")[1]) for line in lines] == [("[INFO", "first runs"), ("[WARN", "second")]
