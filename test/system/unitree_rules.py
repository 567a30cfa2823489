"""What must hold for everything that a driver sends a G1, by the stand-in's own log."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.motors import ARMS, JOINTS
from neon_control.sim.unitree.log import Log
from neon_control.sim.unitree.robot import Taken

MOST_WEIGHT_STEP = 0.02
STILL = np.array([0.02, 0.02, 0.05])  # [m/s, m/s, rad/s] the arms' own swing turns the platform a little
JOINTS_OF_ARMS = [JOINTS[place] for place in ARMS]


def check_messages(log: Log, rate: float = 250.0, ignored: Collection[Taken] = (), absent: Collection[int] = ()) -> None:
    """Every message of a session, from its first to its last; prints what was measured. One writer wrote them all.

    Args:
        rate: [Hz] of the messages.
        ignored: why the robot may have ignored some, as things were.
        absent: places of motors that the robot lacks.
    """
    rows = log.rows
    assert len(rows), "nothing was sent"
    assert len(set(rows["writer"].tolist())) == 1, "more than one writer"
    assert set(rows["outcome"].tolist()) <= {Taken.APPLIED, *ignored}, "a wrong checksum, or another robot's messages"
    heard = log.named("heard")
    assert heard and rows["sent"][0] > heard[0]["t"], "something was sent before lowstate"
    weights = rows["weight"].astype(float)
    jump = float(np.abs(np.diff(weights, prepend=0.0)).max())
    assert jump <= MOST_WEIGHT_STEP + 1e-6, f"the weight jumped by {jump:.4f}"
    limits = load_robot("g1.yaml").limits(tuple(JOINTS_OF_ARMS), "max_velocity")  # (14,) [rad/s]
    steps = np.diff(rows["q"][:, ARMS].astype(float), axis=0)
    counted = weights[:-1] > 0.0  # with the weight 0 a target is nobody's: it may begin anew where the arms are
    speeds = np.abs(steps[counted]) * rate / limits
    lost = np.diff(rows["sent"])[counted] > 1.5e9 / rate  # what is lost between two messages is no step of theirs
    print(
        f"{len(rows)} messages, largest step of the weight {jump:.4f}, fastest target {speeds[~lost].max(initial=0.0):.3f} of its limit, "
        f"{speeds[lost].max(initial=0.0):.3f} after one of {lost.sum()} pauses"
    )
    assert speeds.max(initial=0.0) <= 1.001, "a target moved faster than its joint's limit, for the time from message to message"
    driven = [place for place in ARMS if place not in absent]
    assert (rows["kp"][rows["weight"] > 0.0][:, driven] > 0.0).all(), "a motor was told no stiffness"
    first = rows[0]
    assert np.abs(first["q"] - first["measured"])[ARMS].max() < 0.1, "the first target is not where the arms were"
    assert not log.named("trip"), log.named("trip")


def given_back(log: Log, after: int) -> float:
    """[s] from `after` [ns] until the robot took the weight 0, which it has kept since; infinite if it never did."""
    rows = log.rows[log.rows["outcome"] == Taken.APPLIED]
    if not len(rows):
        return 0.0
    if rows["weight"][-1] != 0.0:
        return float("inf")
    begin = np.flatnonzero(rows["weight"] != 0.0)
    last = int(rows["taken"][begin[-1] + 1]) if len(begin) else after
    return max(0.0, (last - after) / 1e9)


def lateness(log: Log, after: int, rate: float = 250.0) -> float:
    """[s] by which messages came too late, one after another, from `after` [ns] on: the computer's share of a time."""
    gaps = np.diff(log.rows["sent"][log.rows["sent"] >= after]) / 1e9
    return float(np.maximum(gaps - 1.0 / rate, 0.0).sum())


def stands(log: Log, after: int) -> float:
    """[s] from `after` [ns] until the base stood, which it has done since; infinite if it moves."""
    motion = [event for event in log.named("motion") if event["t"] >= after]
    moving = [event["t"] for event in motion if (np.abs(event["base"]) > STILL).any()]
    if motion and moving and moving[-1] == motion[-1]["t"]:
        return float("inf")
    return (moving[-1] - after) / 1e9 if moving else 0.0
