"""Commands on the wire: one publisher for each joint controller of the robot file, and one for the base.

| controller type    | message                        | for                                                   |
|--------------------|--------------------------------|-------------------------------------------------------|
| `joint_trajectory` | trajectory_msgs/JointTrajectory | ros2_control's joint_trajectory_controller           |
| `position`         | std_msgs/Float64MultiArray     | ros2_control's forward_command_controller, in the order of the robot file |

A trajectory holds the next position with its velocity, and the point where the joints come to rest; in between, a point for each
joint that has to rest sooner because its range ends. The controller thus brakes by itself if this process dies, and accepts the
message: since Jazzy it refuses a trajectory that ends moving.
The stamp is zero, which means "now" on the controller's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped, Vector3
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.executor import Command
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.core.robot.topic_names import BASE_COMMAND
from neon_control.nodes.chunk_messages import to_duration
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark

BASE_MESSAGES = ("twist_stamped", "twist")
COMMAND_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Output(Protocol):
    """Sends its part of a command."""

    def send(self, command: Command, now: int) -> None:
        """Publish; `now` [ns] stamps messages that need it."""


class TrajectoryOutput:
    """JointTrajectory for one controller; `columns` are its joints' places in a command, which has points of rest for `most` at most."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray, period: float, most: int) -> None:
        self._columns = columns
        self._period = period
        self._prepared = [_prepare(controller.joints, period, count) for count in range(1, most + 1)]  # by the number of those points
        self._publisher = node.create_publisher(JointTrajectory, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the next point and the way to rest."""
        columns, (times, positions, velocities) = self._columns, command.rest
        message, rows = self._prepared[len(times) - 1]
        rows[0][:], rows[1][:] = command.positions[columns], command.velocities[columns]
        for i, time in enumerate(times.tolist()):
            rows[2 * i + 2][:], rows[2 * i + 3][:] = positions[i, columns], velocities[i, columns]
            message.set_time(round((self._period + time) * NANOSECONDS), i)
        message.publish(self._publisher)


def _prepare(joints: Sequence[str], period: float, count: int) -> tuple[PreparedMessage, list[np.ndarray]]:
    """A trajectory of the next point and `count` more; the places of each point's positions and velocities, in turn."""
    size = len(joints)
    points = [JointTrajectoryPoint(positions=[mark(2 * i)] * size, velocities=[mark(2 * i + 1)] * size) for i in range(count + 1)]
    points[0].time_from_start = to_duration(period)
    for point in points[1:]:
        point.time_from_start.sec, point.time_from_start.nanosec = TIME_MARK
    message = PreparedMessage(JointTrajectory(joint_names=list(joints), points=points))
    return message, [message.doubles(i, size) for i in range(2 * len(points))]


class PositionOutput:
    """Float64MultiArray for one controller."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray) -> None:
        self._columns = columns
        self._message = PreparedMessage(Float64MultiArray(data=[mark(0)] * len(columns)))
        self._positions = self._message.doubles(0, len(columns))
        self._publisher = node.create_publisher(Float64MultiArray, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the positions in the controller's order."""
        self._positions[:] = command.positions[self._columns]
        self._message.publish(self._publisher)


class BaseOutput:
    """Twist or TwistStamped on `cmd_vel`."""

    def __init__(self, node: Node, message: str, frame_id: str) -> None:
        twist = Twist(linear=Vector3(x=mark(0), y=mark(1)), angular=Vector3(z=mark(2)))
        self._stamped = message == "twist_stamped"
        header = Header(stamp=Time(sec=TIME_MARK[0], nanosec=TIME_MARK[1]), frame_id=frame_id)
        self._message = PreparedMessage(TwistStamped(header=header, twist=twist) if self._stamped else twist)
        self._axes = [self._message.doubles(i) for i in range(3)]
        self._publisher = node.create_publisher(TwistStamped if self._stamped else Twist, BASE_COMMAND, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the base velocity."""
        for axis, value in zip(self._axes, command.base, strict=True):
            axis[0] = value
        if self._stamped:
            self._message.set_time(now)
        self._message.publish(self._publisher)


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
            outputs.append(TrajectoryOutput(node, controller, places, period, len(joint_names)))
    if robot.base is not None:
        outputs.append(BaseOutput(node, base_message, base_frame))
    return outputs
