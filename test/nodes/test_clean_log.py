"""What loggers of rclpy write, when names come from outside."""

from __future__ import annotations

import pytest
import rclpy
from rclpy.node import Node

from neon_control.nodes.clean_log import clean_logs


def test_every_logger_writes_one_line_that_can_be_printed(ros: int, capfd: pytest.CaptureFixture[str]) -> None:
    clean_logs()
    clean_logs()
    node = Node("speaker")
    node.get_logger().warning("joint \x1b[31mred\n[INFO] [0] [executor_node]: e-stop cleared")
    rclpy.logging.get_logger("neon_control").error("a\x00b")
    for _ in range(2):  # the place of each call still counts: what is said once is said once, and severities may differ
        node.get_logger().info("once", once=True)
        node.get_logger().warning("seldom", throttle_duration_sec=60.0)
    node.destroy_node()
    lines = [line.split("]: ", 1)[1] for line in capfd.readouterr().err.splitlines() if line.startswith("[")]
    assert lines == [r"joint \x1b[31mred\n[INFO] [0] [executor_node]: e-stop cleared", r"a\x00b", "once", "seldom"]
