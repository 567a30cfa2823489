"""What a person says who takes over, from the wire to `core/control/takeover.py`: the button, targets of joints, the base's velocity.

The button is a topic of its own, and not a field or a service: targets are standard messages, which have no field for it; an answered call
knows nothing of who asked a second later, while a stream ends with the hand, the program or the network that sends it; and a pedal may hold
it for a leader arm that knows nothing of buttons. It is read best effort, so that no `true` comes late because it was sent once more.

The control thread reads all three, as it does joint states: in every period while somebody speaks or leads, else every `IDLE` or half a
dead-man's timeout, because nearly always nobody is there, and three looks in vain cost more than the joint states. What waited meanwhile
counts from when it came, not from when it was read: a `true` is no younger for having been in a queue. A message that is refused is
counted, and changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.common.errors import ChunkError, ObservationError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.control.dead_man import Hold
from neon_control.core.control.takeover import DRIVE, ENABLE, TARGETS, Takeover
from neon_control.core.robot.topic_names import TAKEOVER_BASE, TAKEOVER_ENABLE, TAKEOVER_JOINTS
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.either_type import EitherType
from neon_control.nodes.joint_state_reader import JointStateReader
from neon_control.nodes.polling import publisher_of
from neon_control.nodes.wire_sizes import check_targets

QOS = QoSProfile(depth=8, reliability=ReliabilityPolicy.BEST_EFFORT)
MOST = 4  # messages of a topic that are read in one period
IDLE = 50_000_000  # [ns] between two looks, at most, while nobody speaks
SILENCE = 1_000_000_000  # [ns] after which nobody does


class TakeoverInput:
    """Subscribes `node` to all three; on a robot without a base to two.

    Args:
        base: whether the robot has one.
    """

    def __init__(self, node: Node, takeover: Takeover, base: bool) -> None:
        self._node, self._takeover = node, takeover
        self._reader = JointStateReader()
        self._now = self._steady = 0  # [ns]
        self._every = min(IDLE, round(takeover.settings.timeout * NANOSECONDS / 2))
        self._looked = time.monotonic_ns()  # [ns, steady]
        self._heard: int | None = None  # [ns, steady]
        self._topics: list[tuple[str, str, EitherType, Callable[[type, bytes, object], None]]] = [
            (ENABLE, TAKEOVER_ENABLE, EitherType(node, TAKEOVER_ENABLE, [Bool], QOS, QOS.depth), self._enable),
            (TARGETS, TAKEOVER_JOINTS, EitherType(node, TAKEOVER_JOINTS, [JointState, JointTrajectory], QOS, MOST), self._aim),
        ]
        if base:
            reader = EitherType(node, TAKEOVER_BASE, [TwistStamped, Twist], QOS, MOST)
            self._topics.append((DRIVE, TAKEOVER_BASE, reader, self._drive))

    def look(self) -> None:
        """Find the types that are published; not in the control thread."""
        for _, _, reader, _ in self._topics:
            reader.look()

    def drop(self) -> None:
        """Forget what came while nobody listened: a button that was held an hour ago, above all."""
        for _, _, reader, _ in self._topics:
            while reader.take():
                pass
        self._looked = time.monotonic_ns()

    def take(self, now: int, steady: int) -> None:
        """Hand over what has arrived, at `now` [ns] by the clock of the stamps and `steady` [ns] by one that nobody sets."""
        idle = self._takeover.state is Hold.OFF and (self._heard is None or steady - self._heard > SILENCE)
        if idle and 0 <= steady - self._looked < self._every:
            return
        self._now, longest, self._looked = now, steady - self._looked, steady
        for stream, topic, reader, hand_over in self._topics:
            for kind, data, info in reader.take():
                self._heard = steady
                self._steady = steady - waited(info, longest)
                try:
                    hand_over(kind, data, self._source(topic, info))
                except ChunkError as error:
                    self._takeover.reject(stream, error)
                except ObservationError as error:
                    self._takeover.reject(stream, ChunkError("malformed", str(error)))

    def _source(self, topic: str, info: Any) -> object:
        source = publisher_of(info)
        if source is None and self._node.count_publishers(topic) > 1:  # Jazzy: a message does not say whose it is
            raise ChunkError("other_publisher", f"two publishers on {topic}, and this middleware does not tell whose a message is")
        return source

    def _enable(self, kind: type, data: bytes, source: object) -> None:
        self._takeover.enable(read_message(data, kind).data, source, self._steady)

    def _aim(self, kind: type, data: bytes, source: object) -> None:
        if kind is JointState:
            stamp, names, positions = self._reader.read(data)
            rows, offsets = np.reshape(positions, (1, -1)), None
        else:
            check_targets(data, TAKEOVER_JOINTS)
            message = read_message(data, kind)
            stamp, names = to_nanoseconds(message.header.stamp), message.joint_names
            if any(len(point.positions) != len(names) for point in message.points):
                raise ChunkError("shape", f"a point has another number of positions than the message has joint names ({len(names)})")
            rows = np.array([point.positions for point in message.points], dtype=np.float64).reshape(-1, len(names))
            times = [point.time_from_start for point in message.points]
            offsets = np.array([time.sec * NANOSECONDS + time.nanosec for time in times], dtype=np.int64)
        self._takeover.aim(names, rows, offsets, stamp, source, self._now, self._steady)

    def _drive(self, kind: type, data: bytes, source: object) -> None:
        message = read_message(data, kind)
        stamp, twist = (to_nanoseconds(message.header.stamp), message.twist) if kind is TwistStamped else (0, message)
        parts = (twist.linear, twist.angular)
        self._takeover.drive(
            np.array([number for part in parts for number in (part.x, part.y, part.z)]), stamp, source, self._now, self._steady
        )


def waited(info: Mapping[str, Any], longest: int) -> int:
    """[ns] since a message came, from what the middleware says of it: `longest` if it does not say, or if somebody has set the clock."""
    return max(0, min(time.time_ns() - int(info.get("received_timestamp") or 0), longest))
