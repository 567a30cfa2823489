"""Simulated time that no clock can show: refused, counted, and survived."""

from __future__ import annotations

import struct

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from waiting import wait_until

from neon_control.core.common.errors import ObservationError
from neon_control.nodes.simulated_clock import LATEST, ClockGuard, read_clock


def clock(seconds: int, nanoseconds: int = 0) -> bytes:
    return bytes(serialize_message(Clock(clock=Time(sec=seconds, nanosec=nanoseconds))))


@pytest.mark.parametrize("time", [(0, 0), (0, 1), (1, 999_999_999), (LATEST - 1, 5)])
def test_a_time_is_read(time):
    assert read_clock(clock(*time)) == time[0] * 10**9 + time[1]


def test_the_other_byte_order_is_read():
    assert read_clock(b"\x00\x00\x00\x00" + struct.pack(">iI", 7, 8)) == 7 * 10**9 + 8


@pytest.mark.parametrize("data", [clock(-1), clock(-(2**31)), clock(LATEST), clock(2**31 - 1), clock(1, 10**9), b"", clock(1)[:9]])
def test_what_no_stamp_could_tell_is_refused(data):
    with pytest.raises(ObservationError, match=r"are needed|must be"):
        read_clock(data)


@pytest.mark.parametrize("late", [False, True], ids=["from-the-start", "set-later"])
def test_a_node_lives_on_and_counts(ros, late):
    node = ClockGuard("listener", parameter_overrides=[Parameter("use_sim_time", value=not late)])
    publisher = node.create_publisher(Clock, "/clock", qos_profile_sensor_data)
    if late:
        node.set_parameters([Parameter("use_sim_time", value=True)])

    def send(data: bytes) -> None:
        publisher.publish(data)
        rclpy.spin_once(node, timeout_sec=0.02)

    try:
        wait_until(lambda: node.get_clock().now().nanoseconds == 5 * 10**9, 5.0, "the time", tick=lambda: send(clock(5)))
        for bad in (clock(-3), clock(1, 4 * 10**9), b"\x00\x01\x00\x00\xff"):
            before = node.clock_refused
            wait_until(lambda: node.clock_refused > before, 5.0, "a refusal", tick=lambda: send(bad))  # noqa: B023
            assert node.get_clock().now().nanoseconds == 5 * 10**9
        wait_until(lambda: node.get_clock().now().nanoseconds == 6 * 10**9, 5.0, "time to go on", tick=lambda: send(clock(6)))
    finally:
        node.destroy_node()
