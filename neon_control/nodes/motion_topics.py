"""How the robot moves and is told to move: the newest joint states, commands of joints and odometry.

The browser page and the node of the plan's markers both read them here. Nobody spins these subscriptions (see `polling.py`): each
`read_...` takes what has arrived since it was last called, and tells whether that was something.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from geometry_msgs.msg import Twist
from rclpy.node import Node

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.core.robot.topic_names import JOINT_STATES, ODOMETRY
from neon_control.core.sensing.joint_message import JointPicker
from neon_control.nodes.joint_state_reader import JointStateReader
from neon_control.nodes.topic_reader import TopicReader

JOINT_STATES_DEPTH = 10  # messages; drivers may send the joints in several
COMMAND_TYPES = {"joint_trajectory": "trajectory_msgs/JointTrajectory", "position": "std_msgs/Float64MultiArray"}  # of a controller


class MotionTopics:
    """The newest of what `robot`'s drivers and controllers send and receive; its readers are yet to be subscribed.

    Attributes:
        joint_states, commands, odometry: the readers of these topics, of the commands one for each controller.
        measured: joint -> newest measured position [rad].
        measured_stamp: [ns] of the newest joint state of the robot; 0 before.
        measured_received: [s] monotonic, when that one was read; None before.
        base_pose: (3,) x, y, yaw in odometry's frame [m, m, rad]; zeros before the first odometry.
        base_velocity: (3,) vx, vy, yaw rate [m/s, m/s, rad/s]; None before.
        base_stamp: [ns] of both; 0 before.
    """

    def __init__(self, node: Node, robot: Robot) -> None:
        self.joint_states = TopicReader(node, [(JOINT_STATES, ["sensor_msgs/JointState"])], JOINT_STATES_DEPTH)
        self.commands = {c: TopicReader(node, [(c.topic, [COMMAND_TYPES[c.type]])]) for c in robot.streamed}
        self.odometry = TopicReader(node, [(ODOMETRY, ["nav_msgs/Odometry"])])
        self.measured: dict[str, float] = {}
        self.measured_stamp = 0
        self.measured_received: float | None = None
        self.base_pose = np.zeros(3)
        self.base_velocity: np.ndarray | None = None
        self.base_stamp = 0
        self._names_reader, self._joints = JointStateReader(), JointPicker(tuple(robot.joints), wire=robot.wire)
        self._wire = robot.wire
        self._commanded: dict[ControllerConfig, Mapping[str, float]] = {}

    def subscribe(self) -> None:
        """Subscribe to all of them, whether anybody publishes or not."""
        for reader in (self.joint_states, *self.commands.values(), self.odometry):
            reader.subscribe()

    def read_joint_states(self) -> bool:
        """Update `measured`; False where none came of its own joints. Raises as `JointPicker.every` and `JointStateReader.read`."""
        ours = False
        for data in self.joint_states.take_raw():
            stamp, names, positions = self._names_reader.read(data)
            self.measured |= self._joints.every(names, positions)
            if self._joints.needs(names):
                ours, self.measured_stamp, self.measured_received = True, stamp, self.joint_states.received
        return ours

    def read_commands(self) -> bool:
        """Update what `commanded` tells; raises as `read_joint_states`."""
        read = False
        for controller, reader in self.commands.items():
            message = reader.newest()
            if message is not None and controller.type == "position":
                self._commanded[controller] = by_joint(controller.topic, controller.joints, message.data)
            elif message is not None:
                names, positions = (message.joint_names, message.points[0].positions) if message.points else ((), ())
                names = self._wire.joints(names)
                self._commanded[controller] = by_joint(controller.topic, names, positions)
            read |= message is not None
        return read

    def read_odometry(self) -> bool:
        """Update pose and velocity of the base; raises ObservationError for bytes that are no such message, and for no finite pose."""
        message = self.odometry.newest()
        if message is None:
            return False
        place, q = message.pose.pose.position, message.pose.pose.orientation
        pose = np.array([place.x, place.y, math.atan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))])
        if not np.isfinite(pose).all():
            raise ObservationError(f"odom: the pose must be finite, got x, y, yaw = {pose.tolist()}")
        self.base_pose, self.base_velocity = pose, planar_velocity(message.twist.twist)
        self.base_stamp = to_nanoseconds(message.header.stamp)
        return True

    def commanded(self, max_age: float) -> dict[str, float]:
        """Joint -> position [rad] in commands that are not older than `max_age` [s]."""
        now = time.monotonic()
        found: dict[str, float] = {}
        for controller, positions in self._commanded.items():
            if age([self.commands[controller]], now) <= max_age:
                found |= positions
        return found


def age(readers: Iterable[TopicReader], now: float) -> float:
    """[s] from the newest message of some topics to `now` [s] monotonic; infinite: nothing received yet."""
    return now - max((r.received for r in readers if r.received is not None), default=-math.inf)


def by_joint(topic: str, names: Sequence[str], positions: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Joint -> position [rad]; ObservationError for a joint without a finite position, or a position without a joint."""
    values = np.array(positions, dtype=np.float64)
    if len(names) != len(values) or not np.isfinite(values).all():
        raise ObservationError(f"{topic}: {len(names)} joints and {len(values)} positions, or not all of them finite")
    return dict(zip(names, values.tolist(), strict=True))


def planar_velocity(twist: Twist) -> np.ndarray:
    """(3,) vx, vy [m/s], yaw rate [rad/s]."""
    return np.array([twist.linear.x, twist.linear.y, twist.angular.z])
