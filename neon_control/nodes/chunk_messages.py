"""Chunks on the wire: two standard trajectory messages, written here and read here.

    action_chunk/joints   trajectory_msgs/JointTrajectory          points[i].positions [rad]
    action_chunk/base     trajectory_msgs/MultiDOFJointTrajectory  joint "base", points[i].velocities[0] [m/s, rad/s]

Both carry the observation's stamp in the header and `time_from_start = i * dt`. Reading maps joints by name, so the order on
the wire is free, and refuses everything else that is not as agreed with a `ChunkError` whose reason is a counter's name.

What the executor foresees (`core/control/foresight.py`) comes back on `action_plan/joints` and `action_plan/base` in the same types: the
stamp is that of the newest observation that it follows, and the first point is the first step that its chunk could change, so that
`time_from_start` begins at first * dt. Without a point and a stamp: no policy is followed.
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
from neon_control.core.control.foresight import Foreseen, nothing
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


LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # who comes later hears what holds, too
PLAN_QOS = QoSProfile(depth=4, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # who comes later hears whether anything is followed


def chunk_to_messages(chunk: ActionChunk, frame_id: str = "") -> tuple[JointTrajectory, MultiDOFJointTrajectory]:
    """A chunk as its two messages; on a robot without a base the second one has no points, and need not be published."""
    stamp = to_time(chunk.stamp)
    offsets = [to_duration(i * chunk.dt) for i in range(chunk.num_steps)]
    joints = JointTrajectory(joint_names=list(chunk.joint_names), points=_joint_points(chunk.joints, offsets))
    base = MultiDOFJointTrajectory(joint_names=[BASE_NAME], points=_base_points(chunk.base, offsets) if chunk.base.shape[1] else [])
    for message in (joints, base):
        message.header.stamp, message.header.frame_id = stamp, frame_id
    return joints, base


def joint_plan_message(foreseen: Foreseen) -> JointTrajectory:
    """What is foreseen of the joints."""
    message = JointTrajectory(joint_names=list(foreseen.names), points=_joint_points(foreseen.values, _offsets(foreseen)))
    message.header.stamp = to_time(foreseen.stamp)
    return message


def base_plan_message(foreseen: Foreseen) -> MultiDOFJointTrajectory:
    """What is foreseen of the base."""
    message = MultiDOFJointTrajectory(joint_names=[BASE_NAME], points=_base_points(foreseen.values, _offsets(foreseen)))
    message.header.stamp = to_time(foreseen.stamp)
    return message


def _offsets(foreseen: Foreseen) -> list[DurationMessage]:
    return [to_duration((foreseen.first + i) * foreseen.dt) for i in range(len(foreseen.values))]


def _joint_points(rows: np.ndarray, offsets: Sequence[DurationMessage]) -> list[JointTrajectoryPoint]:
    numbers = (array.array("d", row.tobytes()) for row in np.ascontiguousarray(rows, dtype=np.float64))
    return [JointTrajectoryPoint(positions=row, time_from_start=t) for row, t in zip(numbers, offsets, strict=True)]


def _base_points(rows: np.ndarray, offsets: Sequence[DurationMessage]) -> list[MultiDOFJointTrajectoryPoint]:
    return [MultiDOFJointTrajectoryPoint(velocities=[twist(row)], time_from_start=t) for row, t in zip(rows, offsets, strict=True)]


def read_joints(message: JointTrajectory, joint_names: Sequence[str], num_steps: int) -> ActionChunk:
    """Read the joint stream, of `num_steps` points H, columns in the order of `joint_names`.

    Raises:
        ChunkError: with reason `joint_names`, `length`, `shape`, `dt`, `non_finite` or `stamp`.
    """
    stamp, dt = _timing(message, num_steps)
    return ActionChunk(stamp, dt, tuple(joint_names), _joint_rows(message, joint_names))


def read_joint_plan(message: JointTrajectory, joint_names: Sequence[str], dt: float) -> Foreseen:
    """Read what is foreseen of the joints, on the grid of a chunk whose steps are `dt` [s] apart; errors as of `read_joints`."""
    if not message.points:
        return nothing(tuple(joint_names))
    stamp, first = _grid(message, dt)
    return Foreseen(stamp, first, dt, tuple(joint_names), _finite(_joint_rows(message, joint_names)))


def read_base_plan(message: MultiDOFJointTrajectory, dt: float) -> Foreseen:
    """Read what is foreseen of the base; arguments and errors as of `read_joint_plan`."""
    if not message.points:
        return nothing(BASE_NAMES)
    stamp, first = _grid(message, dt)
    return Foreseen(stamp, first, dt, BASE_NAMES, _finite(_base_rows(message)[:, :3]))


def _finite(rows: np.ndarray) -> np.ndarray:
    if not np.isfinite(rows).all():
        raise ChunkError("non_finite", "NaN or infinity in what is foreseen")
    return rows


def _grid(message: JointTrajectory | MultiDOFJointTrajectory, dt: float) -> tuple[int, int]:
    """Stamp [ns] and number of the first step of points that lie on a grid of `dt` [s]."""
    stamp, times = to_nanoseconds(message.header.stamp), _times(message)
    first = round(float(times[0]) / dt)
    if stamp <= 0 or first < 0 or np.abs(times - dt * (first + np.arange(len(times)))).max() > DT_TOLERANCE:
        raise ChunkError("dt", f"needs a stamp, and time_from_start at whole steps of {dt} s; got {np.round(times, 4).tolist()} s")
    return stamp, first


def _joint_rows(message: JointTrajectory, joint_names: Sequence[str]) -> np.ndarray:
    """(P, J) positions, in the order of `joint_names`."""
    names = message.joint_names
    if any(len(p.positions) != len(names) for p in message.points):
        raise ChunkError("shape", f"a point has another number of positions than the message has joint names ({len(names)})")
    values = np.array([p.positions for p in message.points], dtype=np.float64)  # (P, number of names)
    if list(names) != list(joint_names):
        missing, extra = sorted(set(joint_names) - set(names)), sorted(set(names) - set(joint_names))
        if missing or extra or len(names) != len(joint_names):
            repeated = sorted({n for n in names if list(names).count(n) > 1})
            raise ChunkError("joint_names", f"joints missing: {missing}; not commanded here: {extra}; repeated: {repeated}")
        values = values[:, [names.index(n) for n in joint_names]]
    return values


def read_base(message: MultiDOFJointTrajectory, num_steps: int) -> ActionChunk:
    """Read the base stream: (H, 3) velocities vx, vy [m/s] and yaw rate [rad/s].

    Raises:
        ChunkError: as `read_joints`; also reason `shape` for velocities that a planar base cannot have.
    """
    values = _base_rows(message)
    stamp, dt = _timing(message, num_steps)
    chunk = ActionChunk(stamp, dt, BASE_NAMES, np.ascontiguousarray(values[:, :3]))
    if values[:, 3:].any():
        raise ChunkError("shape", "the base moves in the plane: linear.z, angular.x and angular.y must be zero")
    return chunk


def _base_rows(message: MultiDOFJointTrajectory) -> np.ndarray:
    """(P, 6) vx, vy, yaw rate, then what a planar base has not."""
    if list(message.joint_names) != [BASE_NAME]:
        raise ChunkError("joint_names", f"needs the one joint '{BASE_NAME}', got {list(message.joint_names)}")
    if any(len(p.velocities) != 1 for p in message.points):
        raise ChunkError("shape", "every point of the base needs exactly one velocity")
    twists = [p.velocities[0] for p in message.points]
    rows = [(t.linear.x, t.linear.y, t.angular.z, t.linear.z, t.angular.x, t.angular.y) for t in twists]
    return np.array(rows, dtype=np.float64)


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
    times = _times(message)
    dt = float(times[-1] / (num_steps - 1)) if num_steps > 1 else 0.0
    if not 0.0 < dt <= MAX_DT or np.abs(times - dt * np.arange(num_steps)).max() > DT_TOLERANCE:
        raise ChunkError("dt", f"time_from_start must be i * dt with 0 < dt <= {MAX_DT} s, got {np.round(times, 4).tolist()} s")
    return stamp, dt


def _times(message: JointTrajectory | MultiDOFJointTrajectory) -> np.ndarray:
    """(P,) [s] from the stamp to each point."""
    return np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in message.points])
