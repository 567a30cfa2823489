"""What the monitor keeps of odometry, over real DDS."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.node import Node
from waiting import wait_until

from neon_control.core.robot.robot import load_robot
from neon_control.nodes.chunk_messages import to_time
from neon_control.nodes.monitor_inputs import DRIVEN_POSES, NEWEST, MonitorInputs

SECOND = 1_000_000_000
NOW = 1000 * SECOND


class Odometer:
    """Sends odometry, and lets the inputs take it."""

    def __init__(self, node: Node) -> None:
        self.inputs = MonitorInputs(node, load_robot("g1.yaml"))
        self._publisher = node.create_publisher(Odometry, "odom", NEWEST)
        wait_until(lambda: self._publisher.get_subscription_count() > 0, 5.0, "the subscription")

    def send(self, stamp: int, x: float, expected: int | None = None) -> None:
        message = Odometry()
        message.header.stamp = to_time(stamp)
        message.pose.pose.position.x, message.pose.pose.orientation.w = x, 1.0
        self._publisher.publish(message)
        if expected is not None:
            wait_until(lambda: self.inputs.take(NOW) or len(self.inputs.driven) == expected, 5.0, f"{expected} poses", interval=0.001)


@pytest.fixture
def odometer(ros: None) -> Iterator[Odometer]:
    node = rclpy.create_node("monitor")
    yield Odometer(node)
    node.destroy_node()


def test_a_clock_that_runs_ahead_does_not_fill_the_memory(odometer: Odometer) -> None:
    for i in range(DRIVEN_POSES + 50):
        odometer.send(NOW + 3600 * SECOND + i, float(i), min(i + 1, DRIVEN_POSES))
    wait_until(lambda: odometer.inputs.take(NOW) or odometer.inputs.driven[-1][0] == DRIVEN_POSES + 49, 5.0, "the newest pose")


def test_a_pose_that_is_not_finite_is_not_drawn(odometer: Odometer) -> None:
    for wrong in (math.nan, math.inf):
        odometer.send(NOW + 1, 1.0, 1)
        odometer.send(NOW, wrong, 0)  # another run of the clock: what was there is dropped, and nothing is added
