"""A stop of the clearance guard is told with both bodies and their distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from clearance_rig import Moving

from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.supervisor import State
from neon_control.core.robot.clearance_settings import ClearanceSettings, KeepOut
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.executor_diagnostics import executor_status

TABLE = KeepOut(np.array([0.15, -0.6, -0.2]), np.array([0.7, 0.6, -0.05]))  # [m]


def test_the_message_names_what_came_too_near() -> None:
    robot = replace(load_robot("g1.yaml"), clearance=ClearanceSettings(keep_out={"table": TABLE}))
    names = robot.parts["arms"]
    start = np.where(
        np.array(names) == "left_shoulder_roll_joint", 0.3, np.where(np.array(names) == "right_shoulder_roll_joint", -0.3, 0.0)
    )
    moving = Moving(robot, names, start)
    down = start + 0.3 * (np.array(names) == "left_elbow_joint") + 0.2 * (np.array(names) == "left_shoulder_pitch_joint")
    for step in range(200):
        moving.step(start if step < 20 else down)
    assert moving.executor.supervisor.state is State.HOLDING

    reason = str(moving.executor.guard.cause)
    (status,) = executor_status("executor", "g1", moving.executor, {}, Percentiles(), Percentiles(), reason).status
    values = {entry.key: entry.value for entry in status.values}

    assert status.message.startswith("holding the pose (clearance: ")
    assert {"left_rubber_hand", "table"} <= set(status.message.replace(")", "").split())
    assert " m from " in values["nearest_bodies"]
    assert values["stops/clearance"] == "1"
