"""What the executor says: a stop of the clearance guard with both bodies and their distance, and causes with their own reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from clearance_rig import Moving

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.supervisor import State
from neon_control.core.robot.clearance_settings import ClearanceSettings, KeepOut
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.executor_diagnostics import executor_status

ROBOT = load_robot("g1.yaml")
TABLE = KeepOut(np.array([0.15, -0.6, -0.2]), np.array([0.7, 0.6, -0.05]))  # [m]


def test_the_message_names_what_came_too_near() -> None:
    robot = replace(ROBOT, clearance=ClearanceSettings(keep_out={"table": TABLE}))
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


def test_the_reason_belongs_to_the_cause_that_was_asked_for() -> None:
    # The control thread may find another cause meanwhile; the page then said "chunks: left_rubber_hand 0.019 m from table".
    executor = Moving(ROBOT, ROBOT.parts["arms"], np.zeros(len(ROBOT.parts["arms"]))).executor
    executor.supervisor.cause = "chunks"

    (status,) = executor_status("executor", "g1", executor, {}, Percentiles(), Percentiles(), "hand near table", "clearance").status
    values = {entry.key: entry.value for entry in status.values}

    assert status.message.endswith("(clearance: hand near table)")
    assert (values["cause"], values["why"]) == ("clearance", "hand near table")


def test_a_person_who_leads_is_told_with_what_he_said_and_what_was_refused() -> None:
    names = ROBOT.parts["arms"]
    moving = Moving(ROBOT, names, np.zeros(len(names)))
    for _ in range(20):
        moment = moving.now + moving.step_ns
        moving.executor.takeover.enable(True, "a", moment)
        moving.executor.takeover.aim([names[0]], np.zeros((1, 1)), None, 0, "a", moment, moment)
        moving.step(np.zeros(len(names)))
    moving.executor.takeover.reject("takeover_joints", ChunkError("non_finite", "NaN"))

    (status,) = executor_status("executor", "g1", moving.executor, {}, Percentiles(), Percentiles()).status
    values = {entry.key: entry.value for entry in status.values}

    assert status.message == "following the person" and values["state"] == "running"
    assert (values["commander"], values["takeover"], values["takeovers"]) == ("takeover", "held", "1")
    assert values["accepted/takeover_joints"] == "20" and values["rejected/takeover_joints/non_finite"] == "1"
