"""A message that is serialised once; later only its numbers are overwritten.

Converting a Python message costs more than everything else in a control period, mostly for strings that never change. So the numbers
that do change are filled with marks, which are found again among the serialised bytes.
"""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from rclpy.serialization import serialize_message

from neon_control.core.common.nanoseconds import NANOSECONDS

TIME_MARK = (0x12345678, 0x3456789A)  # seconds and nanoseconds of no real message


def mark(number: int) -> float:
    """A number that stands in no message by chance; `number` tells the marks of one message apart."""
    return (1.25 + number / 1024.0) * 1e-200


class PreparedMessage:
    """The serialised form of `message`, whose marks are `mark(n)` for doubles and `TIME_MARK` for times and durations."""

    def __init__(self, message: Any) -> None:
        self._buffer = bytearray(serialize_message(message))
        self._times = [found.start() for found in re.finditer(re.escape(struct.pack("<iI", *TIME_MARK)), self._buffer)]

    def doubles(self, number: int, count: int = 1) -> np.ndarray:
        """The place (count,) of the doubles that are filled with `mark(number)`: what is written to it is sent."""
        return np.frombuffer(self._buffer, "<f8", count, self._buffer.index(struct.pack("<d", mark(number)) * count))

    def set_time(self, nanoseconds: int, number: int = 0) -> None:
        """Overwrite a time [ns], the first one or another `number`."""
        struct.pack_into("<iI", self._buffer, self._times[number], nanoseconds // NANOSECONDS, nanoseconds % NANOSECONDS)

    def publish(self, publisher: Publisher[Any]) -> None:
        """Send it as it is now."""
        publisher.publish(bytes(self._buffer))
