"""Serialised JointStates to stamp, names and positions, at a fraction of a conversion's cost.

Converting a JointState costs most for its joint names, which hardly ever change. So they are compared as bytes, and only the numbers are
read. Each driver has a layout of its own; those that repeat are remembered.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.control.sources import FloodLimit
from neon_control.core.sensing.joint_message import NOTHING
from neon_control.nodes.wire_sizes import CDR_HEADER, check_joint_state

LAYOUTS = 32  # that are remembered: more than a robot has drivers
CONVERSIONS, BURST = 50.0, 8  # [1/s] and at once, full conversions: names that never repeat must not hold up whoever reads

_STAMP, _DOUBLE = struct.Struct("<iI"), np.dtype("<f8")


@dataclass(eq=False)
class _Layout:
    """Where names and positions stand in messages of one size."""

    names: list[str]
    count: int  # of the positions
    offset: int  # of the first one
    header: bytes
    names_seen: bytes  # of the last message, from the frame to the number of positions: mostly equal, padding and all
    fixed: np.ndarray  # places of the bytes that such messages share
    expected: np.ndarray  # and what stands there
    uses: int = 0

    def same_bytes(self, data: bytes) -> bool:
        """Whether a message of this size has these names, padding included."""
        return data[CDR_HEADER + 8 : self.offset] == self.names_seen and data.startswith(self.header)

    def same_names(self, data: bytes) -> bool:
        """The same, whatever the padding holds."""
        if not (np.frombuffer(data, np.uint8)[self.fixed] == self.expected).all():
            return False
        self.names_seen = data[CDR_HEADER + 8 : self.offset]
        return True


class JointStateReader:
    """Reads serialised JointStates; converts one in full only when its names or lengths are new, and refuses a flood of such."""

    def __init__(self) -> None:
        self._layouts: dict[int, list[_Layout]] = {}  # by the message's size [bytes], the last one used first
        self._limit = FloodLimit(CONVERSIONS, BURST)

    def read(self, data: bytes) -> tuple[int, list[str], np.ndarray]:
        """Stamp [ns], names, positions; ObservationError for bytes that are no JointState, or one that is not worth reading."""
        layouts = self._layouts.get(len(data), ())
        for layout in layouts:
            if layout.same_bytes(data):
                return self._numbers(layout, data)
        for layout in layouts:
            if layout.same_names(data):
                return self._numbers(layout, data)
        return self._convert(data)

    def _numbers(self, layout: _Layout, data: bytes) -> tuple[int, list[str], np.ndarray]:
        layout.uses += 1
        seconds, nanoseconds = _STAMP.unpack_from(data, CDR_HEADER)
        positions = np.frombuffer(data, _DOUBLE, layout.count, layout.offset) if layout.count else NOTHING
        return seconds * NANOSECONDS + nanoseconds, layout.names, positions

    def _convert(self, data: bytes) -> tuple[int, list[str], np.ndarray]:
        check_joint_state(data)
        if not self._limit.allow(time.monotonic()):
            raise ObservationError(f"joint_states: more than {CONVERSIONS:g} messages a second with names that were never there before")
        try:
            message = deserialize_message(data, JointState)
        except (RuntimeError, ValueError) as error:
            raise ObservationError(f"joint_states: {error}") from error
        layout = _learn(data, message)
        if layout is not None:
            self._remember(len(data), layout)
        return to_nanoseconds(message.header.stamp), message.name, np.array(message.position)

    def _remember(self, size: int, layout: _Layout) -> None:
        known = [(each.uses, key, each) for key, layouts in self._layouts.items() for each in layouts]
        if len(known) >= LAYOUTS:  # forget the one that was used least: names that never repeat push out no driver
            _, key, least = min(known, key=lambda entry: entry[0])
            self._layouts[key].remove(least)
        self._layouts.setdefault(size, []).append(layout)


def _learn(data: bytes, message: JointState) -> _Layout | None:
    """Find the layout: strings are a length, the bytes and padding (whose content is arbitrary) to a multiple of four."""
    fixed: list[int] = [*range(CDR_HEADER)]
    place = CDR_HEADER + 8  # after the stamp
    for number, text in enumerate([message.header.frame_id, *message.name]):
        end = place + 4 + len(text.encode()) + 1
        fixed += range(place, end)
        place = end + -end % 4
        if number == 0:
            fixed += range(place, place + 4)  # how many names
            place += 4
    offset = place + 4 + -(place + 4 - CDR_HEADER) % 8
    values, count = np.array(message.position, dtype=np.float64), len(message.position)
    # The proof that this is the layout: the same numbers. If not (another encoding), every message is converted in full.
    if data[place : place + 4] != struct.pack("<I", count) or data[offset : offset + 8 * count] != values.tobytes():
        return None
    fixed += range(place, place + 4)  # how many positions
    end = offset if count else place + 4  # without positions there is no padding before them
    places = np.array(fixed, dtype=np.intp)
    expected = np.frombuffer(data, np.uint8)[places]
    return _Layout(list(message.name), count, end, data[:CDR_HEADER], data[CDR_HEADER + 8 : end], places, expected)
