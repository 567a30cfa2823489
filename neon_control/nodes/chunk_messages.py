"""Chunks on the wire: two standard trajectory messages, written here and read here.

    action_chunk/joints   trajectory_msgs/JointTrajectory          points[i].positions [rad]
    action_chunk/base     trajectory_msgs/MultiDOFJointTrajectory  joint "base", points[i].velocities[0] [m/s, rad/s]

Both carry the observation's stamp in the header and `time_from_start = i * dt`. Reading maps joints by name, so the order on
the wire is free, and refuses everything else that is not as agreed with a `ChunkError` whose reason is a counter's name.
"""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration as DurationMessage
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Twist, Vector3
from rclpy.duration import Duration, Infinite
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint, MultiDOFJointTrajectory, MultiDOFJointTrajectoryPoint

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import BASE_NAMES

BASE_NAME = "base"
DT_TOLERANCE = 1e-4  # [s] how far time_from_start may lie from i * dt
MAX_DT = 1.0  # [s] between two steps; in a chunk that spans minutes, an old observation would have a vote for minutes

# Both sides of the chunk topics use this profile. The publisher promises a chunk every `deadline` and a sign of life every
# `lease`; a reader that asks for the same is told by the middleware when either is broken.
CHUNK_DEADLINE = 0.5  # [s]
CHUNK_LEASE = 0.5  # [s]


def chunk_qos(deadline: float | None = CHUNK_DEADLINE, lease: float | None = CHUNK_LEASE) -> QoSProfile:
    """QoS of the chunk topics: reliable, volatile, the newest two; deadline and liveliness [s], None: neither promised nor asked for."""
    return QoSProfile(
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
        history=HistoryPolicy.KEEP_LAST,
        depth=2,
        deadline=Infinite if deadline is None else Duration(seconds=deadline),
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Infinite if lease is None else Duration(seconds=lease),
    )


def chunk_to_messages(chunk: ActionChunk, frame_id: str = "") -> tuple[JointTrajectory, MultiDOFJointTrajectory]:
    """A chunk as its two messages; on a robot without a base the second one has no points, and need not be published."""
    stamp = to_time(chunk.stamp)
    offsets = [to_duration(i * chunk.dt) for i in range(chunk.num_steps)]
    joints = JointTrajectory(joint_names=list(chunk.joint_names))
    joints.header.stamp, joints.header.frame_id = stamp, frame_id
    rows = np.ascontiguousarray(chunk.joints, dtype=np.float64)
    joints.points = [
        JointTrajectoryPoint(positions=array.array("d", row.tobytes()), time_from_start=t) for row, t in zip(rows, offsets, strict=True)
    ]
    base = MultiDOFJointTrajectory(joint_names=[BASE_NAME])
    base.header.stamp, base.header.frame_id = stamp, frame_id
    if chunk.base.shape[1]:
        base.points = [
            MultiDOFJointTrajectoryPoint(velocities=[twist(v)], time_from_start=t) for v, t in zip(chunk.base, offsets, strict=True)
        ]
    return joints, base


def read_joints(message: JointTrajectory, joint_names: Sequence[str], num_steps: int) -> ActionChunk:
    """Read the joint stream, of `num_steps` points H, columns in the order of `joint_names`.

    Raises:
        ChunkError: with reason `joint_names`, `length`, `shape`, `dt`, `non_finite` or `stamp`.
    """
    names = message.joint_names
    stamp, dt = _timing(message, num_steps)
    if any(len(p.positions) != len(names) for p in message.points):
        raise ChunkError("shape", f"a point has another number of positions than the message has joint names ({len(names)})")
    values = np.array([p.positions for p in message.points], dtype=np.float64)  # (H, number of names)
    if list(names) != list(joint_names):
        missing, extra = sorted(set(joint_names) - set(names)), sorted(set(names) - set(joint_names))
        if missing or extra or len(names) != len(joint_names):
            repeated = sorted({n for n in names if list(names).count(n) > 1})
            raise ChunkError("joint_names", f"joints missing: {missing}; not commanded here: {extra}; repeated: {repeated}")
        values = values[:, [names.index(n) for n in joint_names]]
    return ActionChunk(stamp, dt, tuple(joint_names), values)


def read_base(message: MultiDOFJointTrajectory, num_steps: int) -> ActionChunk:
    """Read the base stream: (H, 3) velocities vx, vy [m/s] and yaw rate [rad/s].

    Raises:
        ChunkError: as `read_joints`; also reason `shape` for velocities that a planar base cannot have.
    """
    if list(message.joint_names) != [BASE_NAME]:
        raise ChunkError("joint_names", f"needs the one joint '{BASE_NAME}', got {list(message.joint_names)}")
    stamp, dt = _timing(message, num_steps)
    if any(len(p.velocities) != 1 for p in message.points):
        raise ChunkError("shape", "every point of the base needs exactly one velocity")
    twists = [p.velocities[0] for p in message.points]
    rows = [(t.linear.x, t.linear.y, t.angular.z, t.linear.z, t.angular.x, t.angular.y) for t in twists]
    values = np.array(rows, dtype=np.float64)  # (H, 6)
    chunk = ActionChunk(stamp, dt, BASE_NAMES, np.ascontiguousarray(values[:, :3]))
    if values[:, 3:].any():
        raise ChunkError("shape", "the base moves in the plane: linear.z, angular.x and angular.y must be zero")
    return chunk


def to_time(stamp: int) -> Time:
    """Nanoseconds to a ROS time."""
    return Time(sec=stamp // NANOSECONDS, nanosec=stamp % NANOSECONDS)


def to_duration(seconds: float) -> DurationMessage:
    """Seconds to a ROS duration."""
    nanoseconds = round(seconds * NANOSECONDS)
    return DurationMessage(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def twist(velocity: np.ndarray) -> Twist:
    """(3,) vx, vy [m/s], yaw rate [rad/s] as a Twist."""
    vx, vy, yaw_rate = velocity.tolist()
    return Twist(linear=Vector3(x=vx, y=vy), angular=Vector3(z=yaw_rate))


def _timing(message: JointTrajectory | MultiDOFJointTrajectory, num_steps: int) -> tuple[int, float]:
    """Check the number of points and that they are evenly spaced from zero; return stamp [ns] and dt [s]."""
    if len(message.points) != num_steps:
        raise ChunkError("length", f"{len(message.points)} points, needs {num_steps}")
    stamp = to_nanoseconds(message.header.stamp)
    if stamp <= 0:
        raise ChunkError("stamp", "the header carries no stamp; it must be the time of the observation")
    times = np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in message.points])  # (H,) [s]
    dt = float(times[-1] / (num_steps - 1)) if num_steps > 1 else 0.0
    if not 0.0 < dt <= MAX_DT or np.abs(times - dt * np.arange(num_steps)).max() > DT_TOLERANCE:
        raise ChunkError("dt", f"time_from_start must be i * dt with 0 < dt <= {MAX_DT} s, got {np.round(times, 4).tolist()} s")
    return stamp, dt
