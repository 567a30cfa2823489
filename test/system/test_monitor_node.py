"""The monitor in a process of its own, with a robot and a policy of which every number is known."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry, Path
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint, MultiDOFJointTrajectory
from visualization_msgs.msg import Marker, MarkerArray
from waiting import wait_until

from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.topic_names import CHUNK_BASE, CHUNK_JOINTS
from neon_control.nodes.chunk_messages import chunk_qos, chunk_to_messages, to_time
from neon_control.nodes.executor_diagnostics import executor_status
from neon_control.nodes.outputs import COMMAND_QOS

pytestmark = pytest.mark.system

ROBOT = load_robot("g1.yaml")
G1 = Kinematics(ROBOT.urdf_path)
HANDS = ("left_hand_tcp", "right_hand_tcp")
ARMS = ROBOT.parts["arms"]
MEASURED = {name: 0.1 + 0.01 * i for i, name in enumerate(ROBOT.joints)}  # [rad] the waist too is not at zero
STILL = np.array([MEASURED[name] for name in ARMS])
COMMANDED = 0.25  # [rad] the left arm
SPEED = 0.4  # [m/s] of the chunks' base
PERIOD = 0.02  # [s] of the robot's messages
DT, STEPS = 0.06, 16  # of the chunks: long ones, of which several are live on a busy machine too
FLOOR = -0.793  # [m]


class Robot:
    """Publishes what drivers, policy and executor would, and keeps what the monitor says."""

    def __init__(self, domain: int) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("robot", context=self._context, namespace="r1")
        self.spinner = SingleThreadedExecutor(context=self._context)
        self.spinner.add_node(self.node)
        self.received: dict[str, Any] = {}
        for kind, topic in (
            (MarkerArray, "monitor/markers"),
            *((Path, f"monitor/path/{name}") for name in (*HANDS, "base")),
            (JointState, "monitor/ghost_joint_states"),
        ):
            self.node.create_subscription(kind, topic, lambda m, topic=topic: self.received.__setitem__(topic, m), 5)
        create = self.node.create_publisher
        self._states = create(JointState, "joint_states", qos_profile_sensor_data)
        self._odom = create(Odometry, "odom", 10)
        self._chunks = create(JointTrajectory, CHUNK_JOINTS, chunk_qos()), create(MultiDOFJointTrajectory, CHUNK_BASE, chunk_qos())
        self._commands = create(JointTrajectory, "arm_controller/joint_trajectory", COMMAND_QOS)
        self._diagnostics = create(DiagnosticArray, "/diagnostics", 10)
        self._motion = MotionExecutor(ROBOT, ARMS)
        self._steps, self._due = 0, time.monotonic()

    def step(self) -> None:
        """Every 20 ms: joint states, odometry, a command; every 80 ms a chunk, every 200 ms diagnostics."""
        self.spinner.spin_once(timeout_sec=max(0.0, self._due - time.monotonic()))
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PERIOD
        now = time.time_ns()
        states = JointState(name=list(MEASURED), position=list(MEASURED.values()))
        states.header.stamp = to_time(now)
        self._states.publish(states)
        odom = Odometry()
        odom.header.stamp = to_time(now)
        odom.pose.pose.position.x, odom.pose.pose.orientation.w = 7.0 + PERIOD * self._steps, 1.0
        self._odom.publish(odom)
        left = list(ROBOT.groups["left_arm"])
        self._commands.publish(JointTrajectory(joint_names=left, points=[JointTrajectoryPoint(positions=[COMMANDED] * len(left))]))
        if self._steps % 4 == 0:
            chunk = ActionChunk(now, DT, (*ARMS, *BASE_NAMES), np.tile([*STILL, SPEED, 0.0, 0.0], (STEPS, 1)))
            for publisher, message in zip(self._chunks, chunk_to_messages(chunk), strict=True):
                publisher.publish(message)
        if self._steps % 10 == 0:
            for name in ("r1/executor_node: control", "r2/executor_node: control"):  # the second is another robot's
                array = executor_status(name, "", self._motion, {}, Percentiles(), Percentiles())
                array.status[0].message = f"state of {name[:2]}"
                self._diagnostics.publish(array)
        self._steps += 1

    @property
    def markers(self) -> dict[tuple[str, int], Marker]:
        array = self.received.get("monitor/markers", MarkerArray())
        return {(marker.ns, marker.id): marker for marker in array.markers}

    @property
    def text(self) -> str:
        return self.markers[("text", 0)].text if ("text", 0) in self.markers else ""

    def close(self) -> None:
        self.spinner.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


@pytest.fixture
def robot(ros_domain_id: int, tmp_path: FilePath) -> Iterator[tuple[Robot, subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "neon_control.nodes.monitor_node", "--ros-args", "-r", "__ns:=/r1", "-p", f"floor:={FLOOR}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    robot = Robot(ros_domain_id)
    yield robot, process
    robot.close()  # first: beside a process just killed, Fast DDS may crash while it leaves
    if process.poll() is None:
        process.kill()
        process.wait()
    print((tmp_path / "log").read_text())


def test_it_shows_where_hands_and_base_will_be_and_says_when_it_does_not_know(robot: tuple[Robot, subprocess.Popen[bytes]]) -> None:
    seen, process = robot
    wait_until(
        lambda: (
            len(seen.received) == 5
            and seen.received["monitor/path/base"].poses[-1].pose.position.x > 0.0  # the first may be older than the base's first chunk
            and {("chunk/base", 1), ("driven", 0)} <= set(seen.markers)
            and "stale: chunks" not in seen.text
            and "state of" in seen.text
        ),
        40.0,
        "everything that it publishes",
        tick=seen.step,
    )
    kinds = {"MarkerArray", "Path", "JointState"}
    published = {n: t for n, t in seen.node.get_publisher_names_and_types_by_node("monitor_node", "/r1") if t[0].split("/")[-1] in kinds}
    assert published == {
        "/r1/monitor/markers": ["visualization_msgs/msg/MarkerArray"],
        "/r1/monitor/ghost_joint_states": ["sensor_msgs/msg/JointState"],
        **{f"/r1/monitor/path/{name}": ["nav_msgs/msg/Path"] for name in (*HANDS, "base")},
    }
    places = G1.poses(HANDS, MEASURED)[0][:, 0]  # the chunks hold the measured pose
    for link, place in zip(HANDS, places, strict=True):
        newest, older = (seen.markers[f"chunk/{link}", age] for age in (0, 1))
        for marker in (newest, older):
            points = np.array([(p.x, p.y, p.z) for p in marker.points])
            assert marker.header.frame_id == "pelvis" and marker.type == Marker.LINE_STRIP and marker.frame_locked
            assert marker.lifetime.nanosec == 500_000_000
            assert np.allclose(points[0], place, atol=1e-6)
            assert np.allclose(points[1:, 1:], place[1:], atol=1e-6) and (np.diff(points[:, 0]) > 0.0).all(), "they ride on the base"
            opacity = [c.a for c in marker.colors]
            assert len(opacity) == len(points) > 1 and all(np.diff(opacity) < 0.0)
        assert older.colors[0].a < newest.colors[0].a and len(older.points) < len(newest.points)
        path = seen.received[f"monitor/path/{link}"]
        position = path.poses[0].pose.position
        assert path.header.frame_id == "pelvis" and np.allclose((position.x, position.y, position.z), place, atol=1e-6)
    base = seen.received["monitor/path/base"].poses
    seconds = [p.header.stamp.sec - base[0].header.stamp.sec + 1e-9 * (p.header.stamp.nanosec - base[0].header.stamp.nanosec) for p in base]
    assert np.allclose([p.pose.position.x for p in base], SPEED * np.array(seconds), atol=1e-6)
    assert {p.pose.position.z for p in base} == {FLOOR}
    way = seen.markers["driven", 0].points
    assert (way[-1].x, way[-1].y) == (0.0, 0.0) and way[0].x < -PERIOD
    ghost = seen.received["monitor/ghost_joint_states"]
    left = set(ROBOT.groups["left_arm"])
    assert dict(zip(ghost.name, ghost.position, strict=True)) == {n: COMMANDED if n in left else MEASURED[n] for n in MEASURED}
    assert "state of r1" in seen.text and "stale: the policy's diagnostics, never received" in seen.text

    wait_until(lambda: "stale: joint_states" in seen.text, 20.0, "the text of silence", tick=lambda: seen.spinner.spin_once(0.05))
    assert {ns for ns, _ in seen.markers} == {"text", "driven"}, "nothing is drawn that nobody knows any more"
    process.send_signal(signal.SIGINT)
    assert process.wait(10.0) == 0
