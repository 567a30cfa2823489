"""The robot files in config/robots on the wire: an executor and a monitor process, chunks, and drivers that each speak of some joints.

The robot stands in for its makers' drivers: the arm's joints come at 100 Hz, with a wheel among them, grippers and the rest by other
publishers at other rates, wheels by one of their own. Three robots in the ordinary run; NEON_ALL_ROBOTS=1 takes all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from executor_rig import PATIENT, Rig, rig
from faults import judge
from maker_robot import drivers, written
from maker_urdfs import ROBOTS
from visualization_msgs.msg import MarkerArray
from waiting import wait_until
from wire_limits import at

from neon_control.core.robot.kinematics import Kinematics
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.processes import ProcessGroup

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(60)]
pytest.importorskip("xacro")

# Joints that turn without end, a base of two wheels with two motors for one gripper, and two hands on a walking one.
CHOSEN = ROBOTS if os.environ.get("NEON_ALL_ROBOTS") else ("gen3_2f85", "tiago", "g1_dex3")
QUICK = {**PATIENT, "chunk_timeout": 0.8, "start_ramp": 0.3}
LATE = 500_000_000  # [ns] after a message, when all that it led up to has come


@pytest.fixture(params=CHOSEN)
def running(request: pytest.FixtureRequest, tmp_path: Path, ros_domain_id: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    file = written(tmp_path, request.param, monkeypatch)
    monitor = [sys.executable, "-m", "neon_control.nodes.monitor_node", "--ros-args", "-p", f"robot_config:={file}"]
    options = {"robot": file, "mode": "whole_body", "drivers": drivers(load_robot(file)), **QUICK}
    # The monitor ends first: Fast DDS has crashed where a reader was destroyed while its writer wrote.
    with rig(ros_domain_id, **options) as built, ProcessGroup(tmp_path / "log") as processes:
        processes.start("monitor_node", [*monitor, "-p", "chunks:=2", "-p", "lifetime:=5.0"])
        built.robot.reported = built.robot.wrapped
        yield built
        processes.check()


def commanded(running: Rig) -> np.ndarray:
    """(J,) [rad or m] where the newest messages lead; NaN of joints that were sent none."""
    pose = np.full(len(running.robot.names), np.nan)
    for arm in running.robot.arms:
        sent = arm.commands.since(0.0)
        if sent.ways:
            pose[arm.columns] = at(sent.ways[-1], sent.sent[-1] + LATE)[0]
    return pose


def state(running: Rig) -> str:
    return running.robot.status.get("state", "")


def test_the_robot_moves_within_its_limits_presses_through_a_stop_and_is_drawn(running: Rig) -> None:
    robot = load_robot(running.file)
    drawn: set[str] = set()
    running.robot.node.create_subscription(MarkerArray, "monitor/markers", lambda m: drawn.update(marker.ns for marker in m.markers), 5)
    running.start_player("--dt", "0.1", "--rate", "20")
    assert running.robot.names == [joint for joints in robot.parts.values() for joint in joints]
    wait_until(lambda: state(running) == "running", 20.0, "the policy followed, with every joint measured")
    before = commanded(running)
    hands = {f"chunk/{link}" for link in Kinematics(robot.urdf_path).hands(robot)}
    wait_until(lambda: np.nanmin(np.abs(commanded(running) - before) / _fine(running)) > 1.0, 5.0, "every joint moved, by its controller")
    wait_until(lambda: hands <= drawn, 10.0, f"the monitor's paths {hands}")

    gripping = np.flatnonzero([name in robot.gripping for name in running.robot.names])
    _close_on_something(running, robot, gripping)
    running.play("silent")
    wait_until(lambda: state(running) == "holding", 5.0, "the stop")
    wait_until(lambda: _rests(running), 3.0, "rest")
    held = commanded(running)
    running.run_for(0.4)
    print(judge(running))
    assert commanded(running) == pytest.approx(held, abs=2e-3), "a robot that holds stands"
    gaps = np.abs(running.robot.position - held)
    assert (gaps[gripping] > 0.5 * _presses(running)[gripping]).all(), "grippers press on"
    assert (np.delete(gaps, gripping) < 0.02).all(), "all else holds where it is"
    # Other stops are a busy machine's; contact is none, and no driver's share of the joints is doubted.
    assert not {"stops/tracking_error", "stops/joint_states"} & set(running.robot.status), running.robot.status


def _rests(running: Rig) -> bool:
    """Whether the newest messages lead nowhere any more."""
    newest = [arm.commands.since(0.0) for arm in running.robot.arms]
    return all(np.ptp(sent.ways[-1][1], axis=0).max() < 1e-4 for sent in newest)


def _fine(running: Rig) -> np.ndarray:
    """(J,) [rad or m] steps that are a motion."""
    limits = running.robot.limits
    return np.minimum(0.01, 0.02 * (limits.upper - limits.lower))


def _presses(running: Rig) -> np.ndarray:
    """(J,) [rad or m] how far a gripper is told to close into what it holds."""
    return 0.25 * (running.robot.limits.upper - running.robot.limits.lower)


def _close_on_something(running: Rig, robot: Robot, gripping: np.ndarray) -> None:
    """Put something between the fingers, let the policy close them on it, and wait until they press."""
    limits, presses = running.robot.limits, _presses(running)
    pose = np.clip(running.robot.position, limits.lower, limits.upper)
    middle = 0.5 * (limits.lower + limits.upper)
    closing = {joint: group.closed for group in robot.grippers.values() for joint in group.joints}
    for i in gripping:
        end = closing[running.robot.names[i]]
        shuts_downwards = end is None or end <= middle[i]
        (running.robot.least if shuts_downwards else running.robot.most)[i] = middle[i]
        pose[i] = middle[i] + (-1.0 if shuts_downwards else 1.0) * presses[i]
    running.ask_for(pose)
    wait_until(lambda: np.allclose(commanded(running)[gripping], pose[gripping], atol=1e-3), 15.0, "fingers that press")
