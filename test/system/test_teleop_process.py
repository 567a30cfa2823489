"""`neon_control teleop` as a process: keys of a terminal, and a leader arm, as topics of a takeover."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.patient, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "neon_control.tools.cli", "teleop", "--robot", "g1.yaml", "--source"]
ELBOW = "left_elbow_joint"
LIMIT = 60.0  # [s]


class Robot:
    """Listens to a hand, and says where its joints are."""

    def __init__(self) -> None:
        self.node = Node("robot")
        self.enable: list[bool] = []
        self.targets: list[dict[str, float]] = []
        self.drives: list[float] = []
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.node.create_subscription(Bool, "takeover/enable", lambda m: self.enable.append(m.data), qos)
        self.node.create_subscription(
            JointState, "takeover/joints", lambda m: self.targets.append(dict(zip(m.name, m.position, strict=True))), qos
        )
        self.node.create_subscription(TwistStamped, "takeover/base", lambda m: self.drives.append(m.twist.linear.x), qos)
        self.states = self.node.create_publisher(JointState, "joint_states", 5)
        self.leader = self.node.create_publisher(JointState, "leader/joint_states", 5)

    def spin(self) -> None:
        self.states.publish(JointState(name=["left_shoulder_pitch_joint", ELBOW], position=[0.1, 0.2]))
        rclpy.spin_once(self.node, timeout_sec=0.02)


@pytest.fixture
def robot(ros) -> Iterator[Robot]:
    built = Robot()
    yield built
    built.node.destroy_node()


def test_a_key_that_repeats_holds_the_button_moves_a_joint_and_drives_and_g_gives_back(robot: Robot) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, "keyboard"], stdin=theirs, stderr=subprocess.PIPE, text=True)

    def press(key: str) -> None:
        os.write(ours, key.encode())
        robot.spin()

    try:
        # Two topics: that of the button may be found later than that of the targets.
        wait_until(lambda: robot.targets and robot.enable, LIMIT, "a target and the button", tick=lambda: press("k"))
        assert all(robot.enable)
        assert robot.targets[-1].keys() == {"left_shoulder_pitch_joint"} and robot.targets[-1]["left_shoulder_pitch_joint"] > 0.1
        wait_until(lambda: robot.drives and robot.drives[-1] > 0.1, LIMIT, "a base that drives", tick=lambda: press("w"))
        wait_until(lambda: robot.enable[-1] is False, LIMIT, "false", tick=lambda: press("g"))
        count = len(robot.targets)
        for _ in range(20):
            robot.spin()
        assert len(robot.targets) == count and not any(robot.enable[-3:])
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(theirs)


def test_a_leader_arm_leads_by_its_map_while_its_trigger_is_held_and_gives_back(robot: Robot, tmp_path: Path) -> None:
    file = tmp_path / "arm.yaml"
    file.write_text(
        f"joints: {{{ELBOW}: {{joint: elbow, scale: -2.0, offset: 0.5}}}}\n"
        "enable: {joint: trigger, above: 0.5}\ngive_back: {joint: thumb, above: 0.5}\n"
    )
    process = subprocess.Popen([*COMMAND, "leader", "--map", str(file)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def lead(trigger: float, thumb: float = 0.0) -> None:
        robot.leader.publish(JointState(name=["elbow", "trigger", "thumb"], position=[0.1, trigger, thumb]))
        robot.spin()

    try:
        wait_until(lambda: robot.targets, LIMIT, "a target", tick=lambda: lead(0.0))
        assert not robot.enable and robot.targets[-1] == {ELBOW: pytest.approx(0.3)}
        wait_until(lambda: robot.enable, LIMIT, "the button", tick=lambda: lead(1.0))
        assert all(robot.enable)
        lead(0.0)
        wait_until(lambda: robot.enable[-1] is False, LIMIT, "false", tick=lambda: (lead(0.0), lead(0.0, thumb=1.0)))
        process.terminate()
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.communicate()
