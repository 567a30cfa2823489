"""What is carried through the air when the policy falls silent or somebody presses the e-stop: with `on_stop: keep` it is not dropped.

3 stops of each robot in the suite; for 20: `NEON_STOPS=20 pytest test/sim/test_stop_while_carrying.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from carry_rig import Carrier, with_on_stop

from neon_control.core.control.supervisor import State
from neon_control.sim.episode import Outcome

STOPPED = 1.5  # [s]
STOPS = int(os.environ.get("NEON_STOPS", "3"))


def stop_while_carrying(robot: Carrier, index: int, estop: bool) -> bool:
    """Stop in the middle of a carry: whether the cube is still held when the stop is over."""
    robot.begin(11, index)
    assert robot.run_until(lambda: robot.carries, 20.0), robot.executor.supervisor
    robot.step(0.06 * (index % 10))  # not always at the same place
    assert robot.carries
    if estop:
        robot.executor.supervisor.press_estop(True)
    robot.chunks = estop
    robot.step(STOPPED)
    assert robot.executor.supervisor.state is (State.ESTOPPED if estop else State.HOLDING)
    return robot.carries


def go_on(robot: Carrier) -> Outcome:
    """End the stop, and the trial."""
    robot.chunks = True
    if robot.executor.supervisor.state is State.ESTOPPED:
        robot.executor.supervisor.press_estop(False)
        robot.step(0.1)
        assert robot.executor.supervisor.reset()
    return robot.finish()


@pytest.mark.parametrize("estop", [False, True])
def test_what_is_carried_is_not_dropped_and_arrives(estop: bool) -> None:
    robot = Carrier("arm6_gripper.yaml")
    assert stop_while_carrying(robot, 3, estop)
    assert go_on(robot) is Outcome.SUCCESS


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("robot_file", ["arm6_gripper.yaml", "g1_hand.yaml"])
def test_nothing_is_dropped_at_any_place_of_the_way(robot_file: str) -> None:
    robot = Carrier(robot_file)
    assert all(stop_while_carrying(robot, index, bool(index % 2)) for index in range(STOPS))


def test_a_gripper_that_stops_pressing_drops_it(tmp_path: Path) -> None:
    robot = Carrier(with_on_stop("arm6_gripper.yaml", "measured", tmp_path))
    assert not stop_while_carrying(robot, 3, estop=True)
