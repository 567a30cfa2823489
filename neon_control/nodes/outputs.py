"""Commands on the wire: one publisher for each joint controller of the robot file, and one for the base.

| controller type    | message                        | for                                                   |
|--------------------|--------------------------------|-------------------------------------------------------|
| `joint_trajectory` | trajectory_msgs/JointTrajectory | ros2_control's joint_trajectory_controller           |
| `position`         | std_msgs/Float64MultiArray     | ros2_control's forward_command_controller, in the order of the robot file |

A trajectory is a window of the executor's motion (`core/control/promise.py`): some knots that are due already, those that follow, and the
points where the joints come to rest. The controller thus brakes by itself if this process dies, and accepts the message: since Jazzy
it refuses a trajectory that ends moving. `trajectory_stamps` says how its times are told:

| value     | stamp                   | first point                             | for                                      |
|-----------|-------------------------|-----------------------------------------|------------------------------------------|
| `shared`  | that of the first knot  | due already                             | a controller that has this clock         |
| `arrival` | zero: when it is picked up | where the motion is when it is sent  | another clock; every delay shifts the motion |

A message that is held up in the middleware for half the lead of the command is dropped (`lifespan`), unless clocks differ.
"""

from __future__ import annotations

import copy
import re
import struct
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, TwistStamped, Vector3
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.command import Command
from neon_control.core.control.promise import Motion
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.core.robot.topic_names import BASE_COMMAND
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark

BASE_MESSAGES = ("twist_stamped", "twist")
STAMPS = ("shared", "arrival")
COMMAND_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Output(Protocol):
    """Sends its part of a command to `controller`; that of the base has no name."""

    controller: str

    def send(self, command: Command, now: int) -> None:
        """Publish; `now` [ns] stamps messages that need it."""


class TrajectoryOutput:
    """JointTrajectory for one controller; `columns` are its joints' places in a command. With a `lifespan` [s], its clock is this one."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray, shared: bool, lifespan: float | None) -> None:
        self.controller, self._columns, self._shared = controller.name, side_by_side(columns), shared
        self._message = TrajectoryMessage(controller.joints)
        qos = copy.copy(COMMAND_QOS)
        if lifespan is not None:
            qos.lifespan = Duration(seconds=lifespan)
        self._publisher = node.create_publisher(JointTrajectory, controller.topic, qos)
        self._prepared: Command | None = None
        self._data = b""

    def prepare(self, command: Command) -> None:
        """Write what `send` is going to publish, if it does not depend on when: so that it does so at once after a look at the clock."""
        motion = command.trajectories.get(self.controller)
        if motion is not None and self._shared:
            self._write(motion)
            self._prepared = command

    def _write(self, motion: Motion) -> None:
        self._prepared = None
        self._message.fill(motion, self._columns, self._shared)
        self._data = self._message.serialised

    def send(self, command: Command, now: int) -> None:
        """Publish the controller's trajectory, if it is to get one."""
        motion = command.trajectories.get(self.controller)
        if motion is None:
            return
        if command is not self._prepared:
            self._write(motion if self._shared else motion.since(now))
        self._publisher.publish(self._data)


class TrajectoryMessage:
    """A prepared JointTrajectory: of `most` points, until more are needed; fewer are its beginning, with another number of points."""

    def __init__(self, joints: Sequence[str], most: int = 64) -> None:
        self._joints, self._most = list(joints), 0
        self._prepare(most)

    def _prepare(self, most: int) -> None:
        size = len(self._joints)
        self._buffer, other = (bytearray(self._sample(count)) for count in (most, most + 1))
        first, second = (self._buffer.index(struct.pack("<d", mark(n)) * size) for n in (0, 2))
        speeds = self._buffer.index(struct.pack("<d", mark(1)) * size)
        times = [found.start() for found in re.finditer(re.escape(struct.pack("<iI", *TIME_MARK)), self._buffer)]
        self._stamp, ends = times[0], times[1:]
        counted = [struct.pack("<I", most), struct.pack("<I", most + 1)]  # padding may hold anything, so look for both
        (self._count,) = (i for i in range(4, first, 4) if [bytes(b[i : i + 4]) for b in (self._buffer, other)] == counted)
        stride = second - first
        self._positions, self._velocities = (
            np.ndarray((most, size), "<f8", self._buffer, offset, (stride, 8)) for offset in (first, speeds)
        )
        self._times = np.ndarray((most, 2), "<u4", self._buffer, ends[0], (stride, 4))
        self._first_end, self._stride, self._most = ends[0] + 8, stride, most

    def _sample(self, count: int) -> bytes:
        size = len(self._joints)
        points = [JointTrajectoryPoint(positions=[mark(2 * i)] * size, velocities=[mark(2 * i + 1)] * size) for i in range(count)]
        message = JointTrajectory(joint_names=self._joints, points=points)
        for time in (message.header.stamp, *(p.time_from_start for p in points)):
            time.sec, time.nanosec = TIME_MARK
        return bytes(serialize_message(message))

    def fill(self, motion: Motion, columns: np.ndarray | slice, stamped: bool) -> None:
        """Write `columns` of a motion, stamped with the time of its first knot, or with zero."""
        times, count = motion.times, len(motion.times)
        if count > self._most:
            self._prepare(2 * count)
        begin = int(times[0])
        struct.pack_into("<iI", self._buffer, self._stamp, *(divmod(begin, NANOSECONDS) if stamped else (0, 0)))
        struct.pack_into("<I", self._buffer, self._count, count)
        np.divmod(times - begin, NANOSECONDS, out=(self._times[:count, 0], self._times[:count, 1]), casting="unsafe")
        self._positions[:count], self._velocities[:count] = motion.positions[:, columns], motion.velocities[:, columns]
        self._end = self._first_end + (count - 1) * self._stride

    @property
    def serialised(self) -> bytes:
        """The message as it is now."""
        return bytes(memoryview(self._buffer)[: self._end])


def side_by_side(columns: np.ndarray) -> np.ndarray | slice:
    """The same places (A,), as a slice where they follow each other: that many rows are then read in a third of the time."""
    first = int(columns[0])
    return slice(first, first + len(columns)) if (np.diff(columns) == 1).all() else columns


class PositionOutput:
    """Float64MultiArray for one controller: where the motion is one period after it is sent."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray, period: float) -> None:
        self.controller, self._columns = controller.name, columns
        self._ahead = round(period * NANOSECONDS)
        self._message = PreparedMessage(Float64MultiArray(data=[mark(0)] * len(columns)))
        self._positions = self._message.doubles(0, len(columns))
        self._publisher = node.create_publisher(Float64MultiArray, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the positions in the controller's order."""
        self._positions[:] = command.motion.at(now + self._ahead)[0][self._columns]
        self._message.publish(self._publisher)


class BaseOutput:
    """Twist or TwistStamped on `cmd_vel`."""

    def __init__(self, node: Node, message: str, frame_id: str) -> None:
        twist = Twist(linear=Vector3(x=mark(0), y=mark(1)), angular=Vector3(z=mark(2)))
        self.controller = ""
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


def create_outputs(
    node: Node,
    robot: Robot,
    joint_names: Sequence[str],
    period: float,
    base_message: str,
    base_frame: str,
    stamps: str = "shared",
    lifespan: float | None = None,
) -> list[Output]:
    """The outputs that together drive `joint_names`, and the base if the robot has one.

    Args:
        period: [s] of the executor.
        stamps: one of `STAMPS`.
        lifespan: [s] after which a trajectory is not to be delivered any more; None: whenever.

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
            outputs.append(PositionOutput(node, controller, places, period))
        else:
            outputs.append(TrajectoryOutput(node, controller, places, stamps == "shared", lifespan if stamps == "shared" else None))
    if robot.base is not None:
        outputs.append(BaseOutput(node, base_message, base_frame))
    return outputs
