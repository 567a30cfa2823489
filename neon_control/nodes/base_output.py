"""The base's velocity on the wire, as Twist or TwistStamped: as the robot file or a parameter says, or as the first listener expects.

The default is to be told, and TwistStamped. Whoever listens first need not be who drives: a recorder of the workplace, a multiplexer for
teleoperation with nobody behind it. A type that is told and fits nobody is named beside the other one, and nothing moves; and only a stamp
lets a base refuse what was held up on the way. `auto` is for bases that nobody has looked up, and decides once, until the next `configure`.
"""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped, Vector3
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from neon_control.core.control.command import Command
from neon_control.core.robot.message_types import BASES
from neon_control.nodes.listeners import watches
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark

COMMAND_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)
UNKNOWN = "_NODE_NAME_UNKNOWN_"  # in the graph, until the node itself is discovered


class BaseOutput:
    """Sends the base's part of a command on `topic`.

    Args:
        message: one of `BASE_MESSAGES`; with `auto` nothing is sent before `decide` has found a listener.
    """

    controller = ""

    def __init__(self, node: Node, topic: str, message: str, frame_id: str) -> None:
        self._node, self.topic, self._frame = node, topic, frame_id
        self._sending: tuple[PreparedMessage, list[Any], bool, Publisher[Any]] | None = None
        if message != "auto":
            self._open(message)

    def _open(self, message: str) -> None:
        twist = Twist(linear=Vector3(x=mark(0), y=mark(1)), angular=Vector3(z=mark(2)))
        stamped = message == "twist_stamped"
        header = Header(stamp=Time(sec=TIME_MARK[0], nanosec=TIME_MARK[1]), frame_id=self._frame)
        prepared = PreparedMessage(TwistStamped(header=header, twist=twist) if stamped else twist)
        publisher = self._node.create_publisher(TwistStamped if stamped else Twist, self.topic, COMMAND_QOS)
        self._sending = prepared, [prepared.doubles(i) for i in range(3)], stamped, publisher

    def decide(self) -> str:
        """Take the type that listeners expect, unless it is known; what keeps from it, in words, or nothing. Not in the control thread."""
        if self._sending is not None:
            return ""
        topic = self._node.resolve_topic_name(self.topic)
        found = [e for e in self._node.get_subscriptions_info_by_topic(topic) if e.topic_type in BASES and not watches(e.node_name)]
        kinds = sorted({e.topic_type for e in found})
        if any(e.node_name == UNKNOWN for e in found):  # it may only watch
            return f"{topic}: who listens is not known yet; if that stays so, say base_message twist or twist_stamped instead of auto"
        if len(kinds) == 1:
            self._open(BASES[kinds[0]])
            self._node.get_logger().info(f"{topic}: {', '.join(sorted({e.node_name for e in found}))} expects {kinds[0]}, which it gets")
            return ""
        if not kinds:
            return f"{topic}: nobody subscribes to {' or '.join(BASES)}"
        listeners = ", ".join(f"{e.node_name} expects {e.topic_type}" for e in found)
        return f"{topic}: {listeners}; say which one drives the base: base_message twist or twist_stamped instead of auto"

    def send(self, command: Command, now: int) -> None:
        """Publish the base velocity; `now` [ns] stamps it."""
        sending = self._sending
        if sending is None:
            return
        message, axes, stamped, publisher = sending
        for axis, value in zip(axes, command.base, strict=True):
            axis[0] = value
        if stamped:
            message.set_time(now)
        message.publish(publisher)
