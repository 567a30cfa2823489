"""A hand's place in the running system: what it wants on the topics of a takeover, and what it hears of the robot."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.topic_names import COMMANDER, JOINT_STATES, TAKEOVER_BASE, TAKEOVER_ENABLE, TAKEOVER_JOINTS
from neon_control.core.sensing.joint_message import JointPicker
from neon_control.nodes.chunk_messages import LATCHED, twist
from neon_control.nodes.joint_state_reader import JointStateReader
from neon_control.nodes.polling import PolledSubscription
from neon_control.teleop.wish import Button, Wish

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)  # nothing is sent once more, and comes late


class Hand:
    """Of `node`.

    Attributes:
        measured: joint -> position [rad] of the robot.
        commander: who leads the robot, as the executor says; empty: it has not said.
    """

    def __init__(self, node: Node, robot: Robot) -> None:
        self._node, self._button = node, Button()
        self._enable = node.create_publisher(Bool, TAKEOVER_ENABLE, NEWEST)
        self._joints = node.create_publisher(JointState, TAKEOVER_JOINTS, NEWEST)
        self._base = None if robot.base is None else node.create_publisher(TwistStamped, TAKEOVER_BASE, NEWEST)
        self._frame = "" if robot.base is None else robot.base.frame
        self._states = PolledSubscription(node, JointState, JOINT_STATES, QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT))
        self._reader, self._picker = JointStateReader(), JointPicker(tuple(robot.joints), wire=robot.wire)
        self.measured: dict[str, float] = {}
        self.commander = ""
        self._commander = node.create_subscription(String, COMMANDER, self._on_commander, LATCHED)

    def close(self) -> None:
        """Leave the topics; the node stays."""
        self._states.close()
        self._node.destroy_subscription(self._commander)
        for publisher in (self._enable, self._joints, self._base):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def _on_commander(self, message: String) -> None:
        self.commander = message.data

    def look(self) -> None:
        """Where the robot is; what cannot be read is left alone, as the executor tells of it."""
        for data in self._states.take():
            try:
                _, names, positions = self._reader.read(data)
                self.measured |= self._picker.every(names, positions)
            except ObservationError:
                continue

    def tell(self, wish: Wish, now: float, button: bool = True) -> None:
        """Publish what is wanted at `now` [s, monotonic]; targets first, so that the button finds them. `button`: it is ours to hold."""
        stamp = self._node.get_clock().now().to_msg()
        if wish.joints:
            message = JointState(name=list(wish.joints), position=[float(value) for value in wish.joints.values()])
            message.header.stamp = stamp
            self._joints.publish(message)
        if self._base is not None and wish.drive is not None:
            drive = TwistStamped(twist=twist(np.asarray(wish.drive, dtype=np.float64)))
            drive.header.stamp, drive.header.frame_id = stamp, self._frame
            self._base.publish(drive)
        said = self._button.say(wish, now) if button else None
        if said is not None:
            self._enable.publish(Bool(data=said))
