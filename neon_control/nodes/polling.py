"""Topics that are read in every control period, at a fraction of a callback's cost.

A callback per message makes rclpy rebuild its whole wait set and hold the interpreter meanwhile, just when the control loop
wants to wake up. So nobody spins these subscriptions: the control thread takes what has arrived. And converting a JointState
costs most for its joint names, which hardly ever change; so they are compared as bytes, and only the numbers are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds

_CDR_HEADER = 4  # [bytes] before the message; alignment counts from its end


class _NeverSpun(CallbackGroup):
    """Keeps its entities out of every executor's wait set."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class PolledSubscription:
    """Serialised messages of `topic` since the last `take`, as many as the QoS depth keeps."""

    def __init__(self, node: Node, kind: type, topic: str, qos: QoSProfile) -> None:
        self._node, self._kind = node, kind
        self._group = _NeverSpun()  # nodes hold their groups weakly
        self._subscription = node.create_subscription(kind, topic, lambda message: None, qos, callback_group=self._group)

    def close(self) -> None:
        """Unsubscribe; nothing can be taken any more."""
        self._node.destroy_subscription(self._subscription)

    def take(self) -> Iterator[bytes]:
        """The messages that have arrived, oldest first."""
        return (data for data, _ in self.take_with_info())

    def take_with_info(self) -> Iterator[tuple[bytes, Any]]:
        """The same, each with what the middleware says about it: times, publisher, sequence number."""
        handle = self._subscription.handle
        while True:
            with handle:
                taken = handle.take_message(self._kind, True)
            if taken is None:
                return
            yield taken


class JointStateReader:
    """Reads serialised JointStates; converts one in full only when its names or lengths differ from the last one's."""

    def __init__(self) -> None:
        self._size = -1  # [bytes] of a message of the known layout
        self._header = b""
        self._names_seen = b""  # of the last message, from the frame to the number of positions: mostly equal, padding and all
        self._fixed = np.zeros(0, dtype=np.intp)  # places of the bytes that such a message shares with the last one
        self._expected = np.zeros(0, dtype=np.uint8)  # and what stands there
        self._offset = 0  # of the positions
        self._names: list[str] = []

    def read(self, data: bytes) -> tuple[int, list[str], np.ndarray]:
        """Stamp [ns], names, positions; ObservationError for bytes that are no JointState."""
        if len(data) == self._size and self._same_names(data):
            seconds, nanoseconds = struct.unpack_from("<iI", data, _CDR_HEADER)
            return seconds * NANOSECONDS + nanoseconds, self._names, np.frombuffer(data, "<f8", len(self._names), self._offset)
        try:
            message = deserialize_message(data, JointState)
        except (RuntimeError, ValueError) as error:
            raise ObservationError(f"joint_states: {error}") from error
        self._learn(data, message)
        return to_nanoseconds(message.header.stamp), message.name, np.array(message.position)

    def _same_names(self, data: bytes) -> bool:
        names = data[_CDR_HEADER + 8 : self._offset]
        if names == self._names_seen and data.startswith(self._header):
            return True
        if not (np.frombuffer(data, np.uint8)[self._fixed] == self._expected).all():
            return False
        self._names_seen = names
        return True

    def _learn(self, data: bytes, message: JointState) -> None:
        """Find the layout: strings are a length, the bytes and padding (whose content is arbitrary) to a multiple of four."""
        fixed: list[int] = [*range(_CDR_HEADER)]
        place = _CDR_HEADER + 8  # after the stamp
        for number, text in enumerate([message.header.frame_id, *message.name]):
            end = place + 4 + len(text.encode()) + 1
            fixed += range(place, end)
            place = end + -end % 4
            if number == 0:
                fixed += range(place, place + 4)  # how many names
                place += 4
        fixed += range(place, place + 4)  # how many positions
        offset = place + 4 + -(place + 4 - _CDR_HEADER) % 8
        values, count = np.array(message.position), len(message.position)
        # The proof that this is the layout: the same numbers. If not (another encoding), every message is converted in full.
        if count != len(message.name) or count == 0 or data[offset : offset + 8 * count] != values.tobytes():
            self._size = -1
            return
        self._size, self._names, self._offset = len(data), list(message.name), offset
        self._header, self._names_seen = data[:_CDR_HEADER], data[_CDR_HEADER + 8 : offset]
        self._fixed = np.array(fixed, dtype=np.intp)
        self._expected = np.frombuffer(data, np.uint8)[self._fixed]
