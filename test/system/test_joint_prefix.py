"""A robot whose drivers put a prefix before all joint names, on the wire, beside another arm on the same topic that has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from executor_rig import PATIENT, rig
from faults import judge
from jaw_robot import jaw_robot
from sensor_msgs.msg import JointState
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(60)]

NAMES = ["j1", "j2", "jaw"]


def test_commands_carry_the_prefix_and_joints_without_it_are_another_arm_s(tmp_path: Path, ros_domain_id: int) -> None:
    file = jaw_robot(tmp_path, {}, joint_prefix="left_")
    # The jaw's driver is one of its own.
    with rig(ros_domain_id, robot=file, drivers=((NAMES[:2], 2), (NAMES[2:], 5)), **{**PATIENT, "start_ramp": 0.3}) as running:
        told: list[list[str]] = []
        running.robot.on_message = lambda message: told.append(list(message.joint_names))
        other = running.robot.node.create_publisher(JointState, "joint_states", 5)

        def speak() -> None:
            """The other arm, far from where ours is; in one message, as if a broadcaster knew both."""
            message = JointState(name=[*NAMES, "right_j1"], position=[-1.9, -1.9, 0.0, 1.9])
            message.header.stamp = running.robot.node.get_clock().now().to_msg()
            other.publish(message)

        running.robot.node.create_timer(0.01, speak)
        running.start_player("--dt", "0.1", "--rate", "20")
        wait_until(lambda: running.robot.status.get("state") == "running", 20.0, "the policy followed")
        wait_until(lambda: np.ptp(np.array(running.robot.joints.values)[:, 0]) > 0.3, 10.0, "an arm that moves")
        assert {name for names in told for name in names} == {f"left_{name}" for name in NAMES}
        judge(running)
        assert not [key for key in running.robot.status if key.startswith(("stops/", "joint_states/"))], running.robot.status
