"""Simulated time that no clock can show is refused: rclpy's time source raises at it, which ends whoever spins the node."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from rosgraph_msgs.msg import Clock

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS

SIZE = 12  # [bytes] four that say how the others are meant, seconds, nanoseconds
LATEST = 2**31 - 3600  # [s] stamps end an hour later, and commands are stamped ahead


def read_clock(data: bytes) -> int:
    """[ns] of a serialised `rosgraph_msgs/Clock`; 0: time has not begun.

    Raises:
        ObservationError: no such message, or no time that a stamp could tell.
    """
    if len(data) < SIZE:
        raise ObservationError(f"a message of {len(data)} bytes; {SIZE} are needed")
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    if not 0 <= seconds < LATEST or nanoseconds >= NANOSECONDS:
        raise ObservationError(
            f"{seconds} s and {nanoseconds} ns; seconds must be from 0 to {LATEST - 1}, nanoseconds less than {NANOSECONDS}"
        )
    return int(seconds * NANOSECONDS + nanoseconds)


class ClockGuard(Node):
    """A node that hears of no simulated time that `read_clock` refuses.

    Attributes:
        clock_refused: how many messages were.
    """

    clock_refused = 0

    def create_subscription(self, msg_type: Any, topic: str, callback: Callable[..., Any], *args: Any, **options: Any) -> Subscription[Any]:
        """As of rclpy, whose time source comes here too."""
        if msg_type is not Clock or options.get("raw"):
            return super().create_subscription(msg_type, topic, callback, *args, **options)

        def receive(data: bytes) -> None:
            try:
                read_clock(data)
            except ObservationError as error:
                self.clock_refused += 1
                self.get_logger().warning(f"{topic} refused: {error}", throttle_duration_sec=5.0)
            else:
                callback(deserialize_message(data, Clock))

        return super().create_subscription(msg_type, topic, receive, *args, **{**options, "raw": True})
