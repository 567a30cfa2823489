"""Goals for the simulated gripper: how they end, and what is pressed with. On the wire: `test/system/test_gripper_goals.py`."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.controllers import CONTROLLER_PERIOD
from neon_control.sim.gripper_server import STALL_TIME, GoalWatch
from neon_control.sim.simulation import Simulation

SECOND = 1_000_000_000
GRIPPER = "gripper_controller"


def watch(goal: float) -> GoalWatch:
    return GoalWatch(0, np.array([goal]), np.array([0.001]))


def test_a_goal_is_reached_within_its_tolerance() -> None:
    watched = watch(0.02)
    assert watched.look(SECOND, np.array([0.022]), np.array([0.01])) == ""
    assert watched.look(2 * SECOND, np.array([0.0205]), np.array([0.01])) == "reached"


def test_a_gripper_that_does_not_move_has_stalled_and_one_that_creeps_has_not() -> None:
    watched, moving, still = watch(0.0), np.array([0.01]), np.zeros(1)
    for tenth in range(30):
        assert watched.look(tenth * SECOND // 10, np.array([0.03]), moving) == ""
    last = 29 * SECOND // 10
    assert watched.look(last + round(0.9 * STALL_TIME * SECOND), np.array([0.03]), still) == ""
    assert watched.look(last + round(STALL_TIME * SECOND), np.array([0.03]), still) == "stalled"


class Closing:
    """The simulated gripper alone."""

    def __init__(self) -> None:
        self.simulation = Simulation(load_robot("arm6_gripper.yaml"), (16, 12))
        self.now = SECOND

    def grip(self, goal: float, velocity: float, effort: float | None = None) -> None:
        self.simulation.grip(GRIPPER, self.now, np.array([goal]), np.array([velocity]), effort)

    def run(self, seconds: float) -> np.ndarray:
        """The positions (T,) [m] on the way."""
        found = []
        for _ in range(round(seconds / CONTROLLER_PERIOD)):
            self.now += round(CONTROLLER_PERIOD * SECOND)
            self.simulation.tick(self.now, CONTROLLER_PERIOD)
            found.append(float(self.simulation.measured(GRIPPER)[0][0]))
        return np.array(found)


def test_a_goal_is_approached_at_its_velocity_and_another_one_goes_on_from_there() -> None:
    closing = Closing()
    closing.grip(0.005, 0.05)
    way = closing.run(0.4)
    assert np.abs(np.diff(way)).max() < 1.5 * 0.05 * CONTROLLER_PERIOD
    closing.grip(0.045, 0.05)
    back = closing.run(1.2)
    assert abs(back[0] - way[-1]) < 0.001
    assert back[-1] == pytest.approx(0.045, abs=0.001)


def test_it_presses_with_the_effort_asked_for_and_never_with_more_than_the_urdf_allows() -> None:
    world = Closing().simulation._world  # how hard it presses is no driver's business
    joint = world.model.joint("finger_joint").id
    most = world.model.jnt_actfrcrange[joint].copy()
    for effort, expected in ((7.0, (-7.0, 7.0)), (1000.0, most), (None, most)):
        world.limit_effort(("finger_joint",), effort)
        assert world.model.jnt_actfrcrange[joint] == pytest.approx(expected)
