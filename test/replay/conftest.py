"""A node that records, and a robot's, in one namespace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node


@pytest.fixture
def node(ros_domain_id: int) -> Iterator[Node]:
    rclpy.init()
    node = Node("recorder", namespace="/r1")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def robot(node: Node) -> Iterator[Node]:
    robot = Node("robot", namespace="/r1")
    yield robot
    robot.destroy_node()
