"""Stamps are integer nanoseconds, durations float seconds: what is between them."""

from typing import Any

NANOSECONDS = 1_000_000_000  # in a second
JUMP_BACK_S = 0.5  # [s] a stamp this much older than the newest one means that time was reset, not that a message was late
CLOCK_TOLERANCE = 0.05  # [s] a clock that is set back by less is still the same clock


def to_nanoseconds(time: Any) -> int:
    """[ns] of a `builtin_interfaces` Time or Duration, of rclpy or of a bag."""
    return int(time.sec) * NANOSECONDS + int(time.nanosec)
