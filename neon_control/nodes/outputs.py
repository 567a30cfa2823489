"""Commands on the wire: one publisher for each joint controller of the robot file, and one for the base.

| controller type    | message                        | for                                                   |
|--------------------|--------------------------------|-------------------------------------------------------|
| `joint_trajectory` | trajectory_msgs/JointTrajectory | ros2_control's joint_trajectory_controller           |
| `position`         | std_msgs/Float64MultiArray     | ros2_control's forward_command_controller, in the order of the robot file |
| `gripper_command`, `parallel_gripper_command` | goals of an action | see `gripper_output.py`                |

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
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from neon_control.core.common.columns import side_by_side
from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.command import Command
from neon_control.core.control.promise import Motion
from neon_control.core.control.supervisor import State
from neon_control.core.robot.gripper import ACTIONS
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.core.robot.turns import within
from neon_control.nodes.base_output import COMMAND_QOS, BaseOutput
from neon_control.nodes.gripper_output import GripperOutput
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark

STAMPS = ("shared", "arrival")


class Output(Protocol):
    """Sends its part of a command to `controller`; that of the base has no name."""

    controller: str

    def send(self, command: Command, now: int) -> None:
        """Publish; `now` [ns] stamps messages that need it."""


class ToWire:
    """How one controller's joints are told: by the names of its driver, and those of which it says so within one turn.

    A message is moved by whole turns as one piece, its first point into the turn: within a message, no joint ever spins back.
    """

    def __init__(self, robot: Robot, controller: ControllerConfig) -> None:
        joints = [robot.joints[name] for name in controller.joints]
        self.names = robot.wire.names(controller.joints)
        self._wrapping = np.array([i for i, joint in enumerate(joints) if joint.wraps], dtype=np.intp)
        self._turns = np.array([joint.turn for joint in joints if joint.wraps], dtype=np.float64)

    def turn_back(self, positions: np.ndarray) -> None:
        """Move positions (K, A) [rad], in place."""
        if self._wrapping.size:
            first = positions[0, self._wrapping]
            positions[:, self._wrapping] += within(first, self._turns) - first


class TrajectoryOutput:
    """JointTrajectory for one controller; `columns` are its joints' places in a command. With a `lifespan` [s], its clock is this one."""

    def __init__(
        self, node: Node, controller: ControllerConfig, columns: np.ndarray, shared: bool, lifespan: float | None, wire: ToWire
    ) -> None:
        self.controller, self._columns, self._shared, self._wire = controller.name, side_by_side(columns), shared, wire
        self._message = TrajectoryMessage(wire.names)
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
        self._wire.turn_back(self._message.positions)
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
    """A prepared JointTrajectory: of `most` points, until more are needed; fewer are its beginning, with another number of points.

    Attributes:
        positions: (K, A) [rad] of what was filled in last; what is written to it is sent.
    """

    def __init__(self, joints: Sequence[str], most: int = 64) -> None:
        self._joints, self._most = list(joints), 0
        self.positions = np.zeros((0, len(self._joints)))
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
        self.positions = self._positions[:count]
        self.positions[:], self._velocities[:count] = motion.positions[:, columns], motion.velocities[:, columns]
        self._end = self._first_end + (count - 1) * self._stride

    @property
    def serialised(self) -> bytes:
        """The message as it is now."""
        return bytes(memoryview(self._buffer)[: self._end])


class PositionOutput:
    """Float64MultiArray for one controller: where the motion is one period after it is sent."""

    def __init__(self, node: Node, controller: ControllerConfig, columns: np.ndarray, period: float, wire: ToWire) -> None:
        self.controller, self._columns, self._wire = controller.name, columns, wire
        self._ahead = round(period * NANOSECONDS)
        self._message = PreparedMessage(Float64MultiArray(data=[mark(0)] * len(columns)))
        self._positions = self._message.doubles(0, len(columns))
        self._publisher = node.create_publisher(Float64MultiArray, controller.topic, COMMAND_QOS)

    def send(self, command: Command, now: int) -> None:
        """Publish the positions in the controller's order."""
        self._positions[:] = command.motion.at(now + self._ahead)[0][self._columns]
        self._wire.turn_back(self._positions[None])
        self._message.publish(self._publisher)


def create_outputs(
    node: Node,
    robot: Robot,
    joint_names: Sequence[str],
    period: float,
    base_message: str = "",
    base_frame: str = "",
    stamps: str = "shared",
    lifespan: float | None = None,
    state: Callable[[], State] = lambda: State.WAITING,
) -> list[Output]:
    """The outputs that together drive `joint_names`, and the base if the robot has one.

    Args:
        period: [s] of the executor.
        base_message, base_frame: instead of the robot file's, where they are not empty.
        stamps: one of `STAMPS`.
        lifespan: [s] after which a trajectory is not to be delivered any more; None: whenever.
        state: the executor's, for those who send goals: none is sent while it is waiting.

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
            outputs.append(PositionOutput(node, controller, places, period, ToWire(robot, controller)))
        elif controller.type in ACTIONS:
            outputs.append(GripperOutput(node, robot, controller, places, state))
        else:
            shared, wire = stamps == "shared", ToWire(robot, controller)
            outputs.append(TrajectoryOutput(node, controller, places, shared, lifespan if shared else None, wire))
    if robot.base is not None:
        base = robot.base
        outputs.append(BaseOutput(node, base.topic, base_message or base.message, base_frame or base.frame))
    return outputs
