"""Commands as a robot's drivers read them: the counterpart of `outputs.py` and `base_output.py`, for robots that we drive ourselves.

A command that the driver refuses is logged, and the last one stays in force. Who spins the node is handed each command when it arrives; a
control thread of its own asks for them (`polled`), which costs a tenth (see polling.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.logging import get_logger
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.nanoseconds import to_nanoseconds
from neon_control.core.control.controllers import CommandError
from neon_control.core.robot.robot import ControllerConfig
from neon_control.core.robot.wire import Wire
from neon_control.nodes.base_output import COMMAND_QOS
from neon_control.nodes.checked_messages import read_message
from neon_control.nodes.polling import PolledSubscription

LOG_PERIOD = 5.0  # [s] between two complaints of a kind
MOST_TAKEN = 4  # messages of a topic at once, so that a flood does not hold a control loop; only the newest one is in force


JointCommand = Callable[..., None]  # takes a controller's name, then the arguments of `JointTrajectoryController.accept`


class CommandInput:
    """Subscribes a node to commands.

    Args:
        now: [ns] the time of an arrival.
        polled: they are handed over by `take`, and not when the node is spun.
    """

    def __init__(self, node: Node, wire: Wire, now: Callable[[], int] = time.time_ns, polled: bool = False) -> None:
        self._node, self._wire, self._now, self._is_polled = node, wire, now, polled
        self._polled: list[tuple[PolledSubscription, Callable[[bytes], None]]] = []

    def take(self) -> None:
        """Hand over what has arrived since the last call."""
        for subscription, receive in self._polled:
            for data in subscription.take():
                receive(data)

    def close(self) -> None:
        """Unsubscribe from what is polled; not while `take` runs."""
        for subscription, _ in self._polled:
            subscription.close()
        self._polled = []

    def joints(self, controller: ControllerConfig, command: JointCommand) -> None:
        """Hand over the trajectories, or positions, of one controller."""

        def on_trajectory(message: JointTrajectory) -> None:
            points = message.points
            tables = {name: [getattr(p, name) for p in points] for name in ("positions", "velocities", "accelerations")}
            command(
                controller.name,
                self._now(),
                to_nanoseconds(message.header.stamp),
                self._wire.joints(message.joint_names),
                np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in points]),
                *(_table(rows, name) if name == "positions" or any(len(row) for row in rows) else None for name, rows in tables.items()),
            )

        def on_positions(message: Float64MultiArray) -> None:
            row = np.array(message.data, dtype=np.float64)[None, :]
            command(controller.name, self._now(), 0, controller.joints, np.zeros(1), row)

        if controller.type == "position":
            self._subscribe(Float64MultiArray, controller.topic, on_positions)
        else:
            self._subscribe(JointTrajectory, controller.topic, on_trajectory)

    def base(self, topic: str, stamped: bool, command: Callable[[int, int, np.ndarray], None]) -> None:
        """Hand over the velocities of the base: arrival and stamp [ns], (3,) [m/s, m/s, rad/s]."""

        def on_twist(message: Twist, stamp: int = 0) -> None:
            command(self._now(), stamp, np.array([message.linear.x, message.linear.y, message.angular.z]))

        if stamped:
            self._subscribe(TwistStamped, topic, lambda m: on_twist(m.twist, to_nanoseconds(m.header.stamp)))
        else:
            self._subscribe(Twist, topic, on_twist)

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        logger = get_logger(self._node.get_logger().name)  # of this topic alone: each logger counts the time between its own complaints

        def receive(data: bytes) -> None:
            try:
                callback(read_message(data, kind))
            except NeonControlError as error:
                logger.warning(f"command on {topic} refused: {error}", throttle_duration_sec=LOG_PERIOD)

        if self._is_polled:
            self._polled.append((PolledSubscription(self._node, kind, topic, COMMAND_QOS, MOST_TAKEN), receive))
        else:
            self._node.create_subscription(kind, topic, receive, COMMAND_QOS, raw=True)


def _table(rows: list[Sequence[float]], what: str) -> np.ndarray:
    """(H, D) from H rows, which must be equally long."""
    if len({len(row) for row in rows}) > 1:
        raise CommandError(f"the points have different numbers of {what}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else 0)
