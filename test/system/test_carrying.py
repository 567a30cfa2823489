"""A cube that is carried when the policy falls silent and when the e-stop is pressed, with real processes: it stays in the hand.

20 stops of each robot, in lock step: `test/sim/test_stop_while_carrying.py`.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from std_srvs.srv import SetBool, Trigger
from waiting import wait_until
from wire_expert import LIFTED, WireExpert, picking_robot

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(240)]
STOPPED = 1.5  # [s]
MOVED = 0.02  # [m] of the hand: the policy is followed again


def stays_in_the_hand(robot: WireExpert, state: str) -> None:
    """Through a stop that has just begun."""
    robot.wait_state(state, 10.0)
    robot.watch()
    threading.Event().wait(STOPPED)  # time has to pass for it to fall
    assert robot.carries and robot.lowest > LIFTED, robot.lowest


def test_through_a_loss_of_chunks_and_an_estop_the_cube_stays_in_the_hand_and_arrives(tmp_path: Path, ros_domain_id: int) -> None:
    with picking_robot(tmp_path, "arm6_gripper.yaml") as robot:
        wait_until(lambda: robot.carries, 90.0, "a cube that is carried")
        robot.silent = True
        stays_in_the_hand(robot, "holding")

        stood = robot.hand
        robot.silent = False
        wait_until(lambda: float(np.linalg.norm(robot.hand - stood)) > MOVED, 30.0, "the way on")
        assert robot.carries
        robot.call("estop", SetBool, SetBool.Request(data=True))
        stays_in_the_hand(robot, "estopped")

        robot.call("estop", SetBool, SetBool.Request(data=False))
        robot.call("reset", Trigger, Trigger.Request())
        wait_until(lambda: robot.placed, 60.0, "the cube in the tray")
