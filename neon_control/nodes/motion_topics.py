"""The newest of what comes at the control rate: measured joints, commanded joints, and the base's way.

Nobody spins these subscriptions (see `polling.py`); `take` reads what arrived last, and how old it is.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.common.errors import ObservationError
from neon_control.core.robot.robot import ControllerConfig, Robot
from neon_control.nodes.conversions import stamp_to_nanoseconds
from neon_control.nodes.polling import JointStateReader, PolledSubscription

DRIVEN_SECONDS = 3.0  # [s] of the base's way are kept
DRIVEN_POSES = 200  # at most; 3 s at the monitor's highest rate
# Best effort: the writer, which may be the control loop, need not wait for this reader.
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
RECENT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)  # drivers may tell joints in several messages


@dataclass
class _Command:
    """The newest command of one controller."""

    subscription: PolledSubscription
    read: Callable[[bytes], dict[str, float]]  # joint -> position [rad]
    positions: dict[str, float] = field(default_factory=dict)
    arrived: float = -math.inf  # [s] monotonic; commands carry no stamp


class MonitorInputs:
    """Subscriptions of `node` to what `robot`'s drivers and controllers send and receive.

    Attributes:
        measured: joint -> newest measured position [rad].
        measured_stamp: [ns] of the newest joint state; 0 before.
    """

    def __init__(self, node: Node, robot: Robot) -> None:
        self.measured: dict[str, float] = {}
        self.measured_stamp = 0
        self._node = node
        self._reader = JointStateReader()
        self._joint_states = PolledSubscription(node, JointState, "joint_states", RECENT)
        self._odom = PolledSubscription(node, Odometry, "odom", NEWEST)
        self._driven: deque[tuple[int, np.ndarray]] = deque(maxlen=DRIVEN_POSES)  # stamp [ns], pose (3,) x, y, yaw
        self._commands = [_subscribe(node, controller) for controller in robot.controllers]

    def take(self, now: int) -> None:
        """Read what has arrived; `now` [ns] is the clock of the stamps."""
        try:
            for data in self._joint_states.take():
                stamp, names, positions = self._reader.read(data)
                if len(names) == len(positions) and np.isfinite(positions).all():
                    self.measured_stamp = stamp
                    self.measured.update(zip(names, positions.tolist(), strict=True))
            for command in self._commands:
                for data in command.subscription.take():
                    command.positions, command.arrived = command.read(data), time.monotonic()
            for data in self._odom.take():
                self._add_odometry(deserialize_message(data, Odometry))
        except (ObservationError, RuntimeError, ValueError) as error:  # the latter two: bytes that are no such message
            self._node.get_logger().warning(str(error), throttle_duration_sec=5.0)
        while self._driven and now - self._driven[0][0] > DRIVEN_SECONDS * 1e9:
            self._driven.popleft()

    def _add_odometry(self, message: Odometry) -> None:
        stamp, pose = stamp_to_nanoseconds(message.header.stamp), message.pose.pose
        q = pose.orientation
        yaw = math.atan2(2.0 * (q.w * q.z + q.x * q.y), 1.0 - 2.0 * (q.y * q.y + q.z * q.z))
        if self._driven and stamp < self._driven[-1][0]:
            self._driven.clear()  # another run of the clock
        place = np.array([pose.position.x, pose.position.y, yaw])
        if np.isfinite(place).all():
            self._driven.append((stamp, place))

    @property
    def driven(self) -> np.ndarray:
        """(P, 3) x, y, yaw of the base in odometry's frame [m, m, rad] over the last seconds, oldest first; none where nobody tells."""
        return np.array([pose for _, pose in self._driven]).reshape(-1, 3)

    def commanded(self, max_age: float) -> dict[str, float]:
        """Joint -> position [rad] in commands that are not older than `max_age` [s]."""
        oldest = time.monotonic() - max_age
        return {joint: position for c in self._commands if c.arrived >= oldest for joint, position in c.positions.items()}

    def ages(self, now: int) -> dict[str, float]:
        """How old the newest joint state and the newest command are [s]; infinite: never received."""
        return {
            "joint_states": (now - self.measured_stamp) * 1e-9 if self.measured_stamp else math.inf,
            "commands": time.monotonic() - max((c.arrived for c in self._commands), default=-math.inf),
        }


def _subscribe(node: Node, controller: ControllerConfig) -> _Command:
    def read_trajectory(data: bytes) -> dict[str, float]:
        message = deserialize_message(data, JointTrajectory)
        return dict(zip(message.joint_names, message.points[0].positions, strict=True)) if message.points else {}

    def read_positions(data: bytes) -> dict[str, float]:
        return dict(zip(controller.joints, deserialize_message(data, Float64MultiArray).data, strict=True))

    kind, read = (Float64MultiArray, read_positions) if controller.type == "position" else (JointTrajectory, read_trajectory)
    return _Command(PolledSubscription(node, kind, controller.topic, NEWEST), read)
