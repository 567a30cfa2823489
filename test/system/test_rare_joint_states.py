"""A gripper whose driver tells its joint five times in four seconds, beside an arm of 100 Hz, with a real executor on the wire."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from executor_rig import PATIENT, rig
from faults import judge
from jaw_robot import jaw_robot
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(90)]
# Of 200 Hz. Twice a second would go in step with the diagnostics, which then find the gripper at one and the same age each time.
DRIVERS = ((["j1", "j2"], 2), (["jaw"], 160))
EXECUTOR = {**PATIENT, "start_ramp": 0.3, "joint_state_timeout": 0.4}  # [s] less than the gripper's 0.8, more than a busy machine's 0.01


def gripper(folder: Path, timeout: float | None) -> Path:
    """The robot file, in which the gripper has an age limit of its own [s]."""
    file = jaw_robot(folder, {})
    data = yaml.safe_load(file.read_text())
    if timeout is not None:
        data["limits"]["groups"]["gripper"]["joint_state_timeout"] = timeout
    file.write_text(yaml.safe_dump(data))
    return file


def test_without_a_limit_of_its_own_it_keeps_the_executor_waiting_which_says_why(tmp_path: Path, ros_domain_id: int) -> None:
    with rig(ros_domain_id, robot=gripper(tmp_path, None), drivers=DRIVERS, **EXECUTOR) as running:
        running.start_player("--dt", "0.1", "--rate", "20")
        wait_until(lambda: "jaw: 0." in (why := running.robot.status.get("why", "")) and "limit 0.4 s" in why, 20.0, "the reason")


def test_with_one_the_policy_is_followed_and_the_arm_keeps_its_own_limit(tmp_path: Path, ros_domain_id: int) -> None:
    with rig(ros_domain_id, robot=gripper(tmp_path, 1.5), drivers=DRIVERS, **EXECUTOR) as running:
        running.start_player("--dt", "0.1", "--rate", "20")
        wait_until(lambda: running.robot.status.get("state") == "running", 30.0, "the policy followed")
        wait_until(lambda: np.ptp(np.array(running.robot.joints.values)[:, 0]) > 0.3, 20.0, "an arm that moves")
        judge(running)
        running.robot.publishing = False
        wait_until(lambda: running.robot.status.get("state") in ("braking", "holding", "waiting"), 10.0, "a stop")
        assert "stops/joint_states" in running.robot.status, running.robot.status
