"""Plays the inference node: a process that publishes chunks of a smooth motion, and wrong ones on request.

    python chunk_player.py --robot g1.yaml [--sim-time] [--rate 10] [--latency 0.06] [--dt 0.02] [--backwards] [--ros-args -r __ns:=/left]

Each line on standard input sets the mode: `normal`, `silent`, `flood`, `garbage`, a fault of `FAULTS`, `round` (endless joints
go round at RATE, told within one turn), or `pose:` and a position [rad] for each joint, with commas in between, which is asked for at once
and with a standing base. Standard output tells when it came into force.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import struct
import sys
import threading
import time

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from rclpy.utilities import remove_ros_args
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import BASE_NAMES, ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.core.robot.turns import within
from neon_control.nodes.chunk_messages import chunk_qos, chunk_to_messages, to_time
from neon_control.nodes.simulated_clock import ClockGuard
from neon_control.nodes.transport import choose_transport

STEPS = 16
POSE = "pose:"
ROUND = "round"
RATE = 2.0  # [rad/s] of the sine
SECOND = 1_000_000_000


def _nan(joints, base):
    joints.points[3].positions[0] = math.nan
    base.points[0].velocities[0].linear.x = math.nan


def _inf(joints, base):
    joints.points[15].positions[1] = math.inf
    base.points[5].velocities[0].angular.z = -math.inf


def _wrong_names(joints, base):
    joints.joint_names = ["no_such_joint", *joints.joint_names[1:]]


def _missing_joint(joints, base):
    joints.joint_names = joints.joint_names[:-1]
    for point in joints.points:
        point.positions = point.positions[:-1]


def _extra_joint(joints, base):
    joints.joint_names = [*joints.joint_names, "one_more_joint"]
    for point in joints.points:
        point.positions.append(0.0)


def _reordered(joints, base):
    joints.joint_names = joints.joint_names[::-1]
    for point in joints.points:
        point.positions = point.positions[::-1]


def _short(joints, base):
    joints.points, base.points = joints.points[:-1], base.points[:-3]


def _empty(joints, base):
    joints.points, base.points = [], []


def _shift(seconds):
    def shift(joints, base):
        for message in (joints, base):
            stamp = message.header.stamp
            message.header.stamp = to_time(stamp.sec * SECOND + stamp.nanosec + int(seconds * SECOND))

    return shift


def _wild(joints, base):
    """Finite, well-formed, and far beyond every limit."""
    random = np.random.default_rng()
    for a, b in zip(joints.points, base.points, strict=True):
        for i in range(len(a.positions)):
            a.positions[i] = random.uniform(-20.0, 20.0)
        b.velocities[0].linear.x, b.velocities[0].angular.z = random.uniform(-9.0, 9.0, 2)


FAULTS = {
    "nan": _nan,
    "inf": _inf,
    "wrong_names": _wrong_names,
    "missing_joint": _missing_joint,
    "extra_joint": _extra_joint,
    "short": _short,
    "empty": _empty,
    "old": _shift(-10.0),
    "ahead": _shift(10.0),
    "reordered": _reordered,
    "wild": _wild,
}


def amplitudes(space: ActionSpace, robot: Robot) -> np.ndarray:
    """(J,) [rad or m] of the played motion: 0.25, but for joints that cannot move that far, or that fast."""
    J = space.num_joints
    velocity, acceleration = (robot.limits(space.joint_names, field) for field in ("max_velocity", "max_acceleration"))
    most = (0.3 * (space.upper - space.lower)[:J], 0.8 * velocity / RATE, 0.8 * acceleration / RATE**2)
    return np.minimum(0.25, np.min(most, axis=0))


def motion(space: ActionSpace, amplitude: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The played motion at times (H,): joint positions (H, J) and base velocities (H, 3). Within all limits, but those of slow bases."""
    J = space.num_joints
    middle = 0.5 * (space.lower + space.upper)[:J]
    phases = np.arange(J)
    joints = middle + amplitude * np.sin(RATE * seconds[:, None] + phases)  # at most 0.5 rad/s
    base = np.stack([0.45 + 0.04 * np.sin(seconds), 0.1 * np.cos(seconds), 0.9 * np.cos(0.3 * seconds)], axis=1)
    return joints, base


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--robot", required=True)
    parser.add_argument("--mode", default="arms_only")
    parser.add_argument("--sim-time", action="store_true")
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--latency", type=float, default=0.06)
    parser.add_argument("--dt", type=float, default=0.02)
    parser.add_argument("--backwards", action="store_true", help="the base goes back: away from a table that stands before the robot")
    args = parser.parse_args(remove_ros_args()[1:])
    robot = load_robot(args.robot)
    space = ActionSpace.from_robot(robot, args.mode)
    amplitude = amplitudes(space, robot)

    choose_transport()
    rclpy.init()
    node = ClockGuard("chunk_player", parameter_overrides=[Parameter("use_sim_time", value=args.sim_time)])
    joints_publisher = node.create_publisher(JointTrajectory, CHUNK_JOINTS, chunk_qos())
    base_publisher = node.create_publisher(MultiDOFJointTrajectory, CHUNK_BASE, chunk_qos())
    state = {"mode": "normal"}

    def read_modes() -> None:
        for line in sys.stdin:
            state["mode"] = line.strip()

    threading.Thread(target=read_modes, daemon=True).start()

    def make(stamp: int) -> tuple[JointTrajectory, MultiDOFJointTrajectory]:
        seconds = stamp * 1e-9 + args.dt * np.arange(STEPS)
        joints, base = motion(space, amplitude, seconds)
        if args.backwards:
            base[:, 0] *= -1.0
        if state["mode"].startswith(POSE):
            joints, base = np.broadcast_to(np.fromstring(state["mode"].removeprefix(POSE), sep=","), joints.shape), 0.0 * base
        elif state["mode"] == ROUND:
            for column in space.turning:
                joints[:, column] = within(RATE * seconds, space.lower[column])
        return chunk_to_messages(ActionChunk(stamp, args.dt, (*space.joint_names, *BASE_NAMES), np.hstack([joints, base])))

    def send(messages) -> None:
        for publisher, message in zip((joints_publisher, base_publisher), messages, strict=True):
            publisher.publish(message)

    def say(mode: str) -> None:
        """Tell the moment from which on the mode is in force."""
        if mode != said[0]:
            said[0] = mode
            print(mode, time.monotonic(), flush=True)

    def publish(mode: str) -> None:
        say(mode)
        stamp = node.get_clock().now().nanoseconds - round(args.latency * SECOND)
        if mode == "silent" or stamp <= 0:
            return
        messages = make(stamp)
        if mode == "garbage":
            send([serialize_message(m)[:100] for m in messages])
            return
        if mode in FAULTS:
            FAULTS[mode](*messages)
        send(messages)

    def flood() -> None:
        """A tenth of a second of chunks at 2 kHz: serialised once, with a new stamp in each."""
        say("flood")
        now = node.get_clock().now().nanoseconds
        buffers = [bytearray(serialize_message(m)) for m in make(now - round(args.latency * SECOND))]
        for k in range(200):
            stamp = now - round(args.latency * SECOND) + k * SECOND // 2000
            for buffer in buffers:
                struct.pack_into("<iI", buffer, 4, stamp // SECOND, stamp % SECOND)  # the header comes first, after 4 bytes of CDR
            send([bytes(b) for b in buffers])
            pause.wait(max(0.0, (now + (k + 1) * SECOND // 2000 - node.get_clock().now().nanoseconds) * 1e-9))

    pause = threading.Event()
    said, due = [""], 0.0
    while rclpy.ok():
        rclpy.spin_once(node, timeout_sec=0.0)
        now, mode = node.get_clock().now().nanoseconds * 1e-9, state["mode"]
        if mode == "flood":
            flood()
        elif now >= due or due - now > 1.0:  # the clock may jump
            due = now + 1.0 / args.rate
            publish(mode)
        pause.wait(0.005)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        main()
