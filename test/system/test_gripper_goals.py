"""The simulated gripper driven by goals of its action, by a real executor on the wire."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from action_msgs.msg import GoalStatus, GoalStatusArray
from carry_rig import with_on_stop
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import SetBool
from waiting import wait_until
from wire_expert import WireExpert, picking_robot

from neon_control.core.common.nanoseconds import NANOSECONDS, to_nanoseconds
from neon_control.core.robot.robot_file import load_robot

pytest.importorskip("control_msgs.action", reason="the ROS package control_msgs is not installed")
pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(240)]
ACTION = "gripper_controller/gripper_cmd"
KINDS = ("gripper_command", "parallel_gripper_command")
STOPPED = 1.5  # [s]


class Goals:
    """Every goal that the server has accepted: when [ns], and what has become of it."""

    def __init__(self, robot: WireExpert) -> None:
        self.accepted: dict[bytes, int] = {}
        self.status: dict[bytes, int] = {}
        qos = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        robot.node.create_subscription(GoalStatusArray, f"{ACTION}/_action/status", self._on_status, qos)

    def _on_status(self, message: Any) -> None:
        for each in message.status_list:
            name = bytes(each.goal_info.goal_id.uuid)
            self.accepted[name] = to_nanoseconds(each.goal_info.stamp)
            self.status[name] = each.status

    @property
    def newest(self) -> int:
        """What has become of the newest one."""
        return self.status[max(self.accepted, key=lambda name: self.accepted[name])] if self.accepted else GoalStatus.STATUS_UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_cube_is_picked_by_goals_that_are_few_and_is_held_through_a_stop(tmp_path: Path, ros_domain_id: int, kind: str) -> None:
    file = with_on_stop("arm6_gripper.yaml", "keep", tmp_path, kind)
    with picking_robot(tmp_path, file) as robot:
        goals = Goals(robot)
        wait_until(lambda: robot.carries, 90.0, "a cube that is carried")
        wait_until(lambda: robot.status.get("gripper/gripper_controller", "").startswith("stalled"), 10.0, "the diagnostics")
        sent = len(goals.accepted)
        robot.silent = True
        robot.wait_state("holding", 10.0)
        robot.watch()
        threading.Event().wait(STOPPED)
        assert robot.carries and len(goals.accepted) == sent and GoalStatus.STATUS_CANCELED not in goals.status.values()
        robot.silent = False
        wait_until(lambda: robot.placed, 60.0, "the cube in the tray")
        stamps = sorted(goals.accepted.values())
        fastest = 1.0 / next(iter(load_robot(file).grippers.values())).goal_rate  # [s]
        assert all(b - a > 0.7 * fastest * NANOSECONDS for a, b in pairwise(stamps)), stamps


def test_a_stop_cancels_the_goal_where_the_robot_file_says_measured(tmp_path: Path, ros_domain_id: int) -> None:
    with picking_robot(tmp_path, with_on_stop("arm6_gripper.yaml", "measured", tmp_path, KINDS[0])) as robot:
        goals = Goals(robot)
        wait_until(
            lambda: goals.newest == GoalStatus.STATUS_EXECUTING and len(goals.accepted) > 1, 90.0, "a goal under way", interval=0.005
        )
        robot.call("estop", SetBool, SetBool.Request(data=True))  # before it stalls, and ends by itself
        wait_until(lambda: GoalStatus.STATUS_CANCELED in goals.status.values(), 10.0, "its end")


def test_a_missing_server_is_told_and_nothing_moves(tmp_path: Path, ros_domain_id: int) -> None:
    served = with_on_stop("arm6_gripper.yaml", "keep", tmp_path)
    (tmp_path / "goals").mkdir()
    asking = with_on_stop("arm6_gripper.yaml", "keep", tmp_path / "goals", KINDS[0])
    with picking_robot(tmp_path, served, executor_file=asking) as robot:
        wait_until(lambda: "no action server of control_msgs/action/GripperCommand" in robot.message, 30.0, "the diagnostics")
        stood = robot.hand
        end = time.monotonic() + 1.0
        wait_until(lambda: time.monotonic() > end, 2.0, "a second")
        assert abs(robot.hand - stood).max() < 0.002
