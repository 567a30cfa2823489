"""Publishes chunks; as long as their layout stays the same, only stamp and numbers are written anew (see `prepared_message.py`)."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.nodes.chunk_messages import chunk_qos, chunk_to_messages
from neon_control.nodes.prepared_message import TIME_MARK, PreparedMessage, mark


class ChunkPublisher:
    """The chunk topics of `node`: that of the joints, and that of the base for a policy that drives one."""

    def __init__(self, node: Node, base: bool = True) -> None:
        self._joints = node.create_publisher(JointTrajectory, CHUNK_JOINTS, chunk_qos())
        self._base = node.create_publisher(MultiDOFJointTrajectory, CHUNK_BASE, chunk_qos()) if base else None
        self._layout: tuple[object, ...] = ()

    def publish(self, chunk: ActionChunk) -> None:
        """Send a chunk."""
        layout = (chunk.names, chunk.dt, chunk.num_steps)
        if layout != self._layout:
            self._prepare(chunk)
            self._layout = layout
        for row, values in zip(self._joint_rows, chunk.joints, strict=True):
            row[:] = values
        self._joint_message.set_time(chunk.stamp)
        self._joint_message.publish(self._joints)
        if self._base is not None and self._base_places:
            for place, value in zip(self._base_places, chunk.base.ravel().tolist(), strict=True):
                place[0] = value
            self._base_message.set_time(chunk.stamp)
            self._base_message.publish(self._base)

    def _prepare(self, chunk: ActionChunk) -> None:
        steps, joints = chunk.joints.shape
        marks = np.repeat([mark(i) for i in range(steps)], joints).reshape(steps, joints)  # one for each step
        base = np.array([mark(i) for i in range(chunk.base.size)]).reshape(chunk.base.shape)  # one for each number
        stamp = TIME_MARK[0] * NANOSECONDS + TIME_MARK[1]
        messages = chunk_to_messages(ActionChunk(stamp, chunk.dt, chunk.names, np.concatenate([marks, base], axis=1)))
        self._joint_message, self._base_message = map(PreparedMessage, messages)
        self._joint_rows = [self._joint_message.doubles(i, joints) for i in range(steps)]
        self._base_places = [self._base_message.doubles(i) for i in range(base.size)]
