"""Commands on the wire: one publisher for each joint controller of the robot file, and one for the base.

| controller type    | message                        | for                                                   |
|--------------------|--------------------------------|-------------------------------------------------------|
| `joint_trajectory` | trajectory_msgs/JointTrajectory | ros2_control's joint_trajectory_controller           |
| `position`         | std_msgs/Float64MultiArray     | ros2_control's forward_command_controller, in the order of the robot file |

A trajectory holds the next position with its velocity, and the point where the joints come to rest. The controller thus
brakes by itself if this process dies, and accepts the message: since Jazzy it refuses a trajectory that ends moving.
The stamp is zero, which means "now" on the controller's own clock.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from neon_control.core.errors import ConfigError
from neon_control.core.executor import Command
from neon_control.core.robot import ControllerConfig, Robot
from neon_control.nodes.chunk_messages import NANOSECONDS, to_duration, to_time

BASE_COMMAND_TOPIC = "cmd_vel"
MIN_REST = 0.001  # [s] between the next point and the point of rest
BASE_MESSAGES = ("twist_stamped", "twist")
COMMAND_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Output(Protocol):
    """Sends its part of a command."""

    def send(self, command: Command, now: int) -> None:
        """Publish; `now` [ns] stamps messages that need it."""


class TrajectoryOutput:
    """JointTrajectory for one controller; `columns` are its joints' places in a command.

    Converting this message costs more than everything else in a control period, mostly for joint names that never change.
    So it is serialised once, with marks in place of its numbers; later only the numbers are overwritten.
    """

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray, period: float) -> None:
        self._columns = columns
        self._period = period
        count, marks = len(columns), (1.25e-200, 1.5e-200, 1.75e-200)  # no number of a message by chance
        seconds = struct.pack("<iI", 0x12345678, 0x3456789A)
        target = JointTrajectoryPoint(positions=[marks[0]] * count, velocities=[marks[1]] * count, time_from_start=to_duration(period))
        rest = JointTrajectoryPoint(positions=[marks[2]] * count, velocities=[0.0] * count)
        rest.time_from_start.sec, rest.time_from_start.nanosec = struct.unpack("<iI", seconds)
        message = JointTrajectory(joint_names=list(controller.joints), points=[target, rest])
        self._buffer = bytearray(serialize_message(message))
        offsets = [self._buffer.index(struct.pack("<d", mark) * count) for mark in marks]
        self._seconds = self._buffer.index(seconds)
        self._positions, self._velocities, self._rest = (np.frombuffer(self._buffer, "<f8", count, offset) for offset in offsets)
        self._publisher = node.create_publisher(JointTrajectory, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the next point and the point of rest."""
        self._positions[:] = command.positions[self._columns]
        self._velocities[:] = command.velocities[self._columns]
        self._rest[:] = command.rest_positions[self._columns]
        # A joint that all but stands rests within nanoseconds: two points at one time would be refused.
        until = round((self._period + max(command.rest_time, MIN_REST)) * NANOSECONDS)
        struct.pack_into("<iI", self._buffer, self._seconds, until // NANOSECONDS, until % NANOSECONDS)
        self._publisher.publish(bytes(self._buffer))


class PositionOutput:
    """Float64MultiArray for one controller."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray) -> None:
        self._columns = columns
        self._message = Float64MultiArray()
        self._publisher = node.create_publisher(Float64MultiArray, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the positions in the controller's order."""
        self._message.data = _doubles(command.positions[self._columns])
        self._publisher.publish(self._message)


class BaseOutput:
    """Twist or TwistStamped on `cmd_vel`."""

    def __init__(self, node: Node, message: str, frame_id: str) -> None:
        self._stamped = message == "twist_stamped"
        self._message = TwistStamped() if self._stamped else Twist()
        self._twist = self._message.twist if self._stamped else self._message
        if self._stamped:
            self._message.header.frame_id = frame_id
        self._publisher = node.create_publisher(type(self._message), BASE_COMMAND_TOPIC, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the base velocity."""
        self._twist.linear.x, self._twist.linear.y, self._twist.angular.z = command.base.tolist()
        if self._stamped:
            self._message.header.stamp = to_time(now)
        self._publisher.publish(self._message)


def create_outputs(node: Node, robot: Robot, joint_names: Sequence[str], period: float, base_message: str, base_frame: str) -> list[Output]:
    """The outputs that together drive `joint_names`, and the base if the robot has one.

    Raises:
        ConfigError: a joint has no controller, or a controller would get only some of its joints.
    """
    columns = {name: i for i, name in enumerate(joint_names)}
    driven = {joint for controller in robot.controllers for joint in controller.joints}
    orphans = [name for name in joint_names if name not in driven]
    if orphans:
        raise ConfigError(f"robot {robot.name}: no controller drives {orphans}; add them to `controllers` in the robot file")
    outputs: list[Output] = []
    for controller in robot.controllers:
        ours = [joint for joint in controller.joints if joint in columns]
        if not ours:
            continue  # a part that this mode leaves alone
        if len(ours) < len(controller.joints):
            rest = [joint for joint in controller.joints if joint not in columns]
            raise ConfigError(f"robot {robot.name}: {controller.name} also drives {rest}, which are not commanded in this mode; split it")
        places = np.array([columns[joint] for joint in controller.joints], dtype=np.intp)
        if controller.type == "position":
            outputs.append(PositionOutput(node, controller, places))
        else:
            outputs.append(TrajectoryOutput(node, controller, places, period))
    if robot.base is not None:
        outputs.append(BaseOutput(node, base_message, base_frame))
    return outputs


def _doubles(values: np.ndarray) -> array.array[float]:
    return array.array("d", values.tobytes())
