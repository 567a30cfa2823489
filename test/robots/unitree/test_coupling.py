"""Arms and base of a robot that balances."""

from __future__ import annotations

import numpy as np
from g1_bench import ROBOT

from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.coupling import CHANGE_TIME, INSIDE, LOOK_EVERY, Coupling
from neon_control.robots.unitree.motors import JOINTS, PLACES
from neon_control.robots.unitree.settings import DriverSettings


def pose(*sides: str) -> np.ndarray:
    """The arms of these sides reach forward."""
    positions = np.zeros(len(JOINTS))
    for side in sides:
        positions[[PLACES[f"{side}_shoulder_pitch_joint"], PLACES[f"{side}_elbow_joint"]]] = (-1.5, 1.5)
    return positions


ARMS_DOWN, ONE_FORWARD, BOTH_FORWARD = pose(), pose("left"), pose("left", "right")


def reach(robot: Robot, positions: np.ndarray) -> float:
    """[m] The largest radius, to a millimetre, beyond which both arms are."""
    low, high = 0.0, 1.0
    while high - low > 0.001:
        middle = 0.5 * (low + high)
        inside = Coupling(robot, DriverSettings(reach_radius=middle)).base_may_move(0, positions)
        low, high = (low, middle) if inside else (middle, high)
    return low


def test_it_is_off_by_default() -> None:
    coupling = Coupling(ROBOT, DriverSettings())

    assert coupling.base_may_move(0, BOTH_FORWARD) and coupling.arms_scale(True) == 1.0


def test_the_base_stands_while_both_arms_reach_far() -> None:
    coupling = Coupling(ROBOT, DriverSettings(reach_radius=0.3))
    found = [coupling.base_may_move(number * LOOK_EVERY, where) for number, where in enumerate((ARMS_DOWN, ONE_FORWARD, BOTH_FORWARD))]

    assert found == [True, True, False]


def test_an_arm_that_trembles_at_the_radius_does_not_make_the_base_start_and_stop() -> None:
    here = reach(ROBOT, BOTH_FORWARD)
    coupling = Coupling(ROBOT, DriverSettings(reach_radius=here))
    back = pose("right")
    lowered = (BOTH_FORWARD + share * (back - BOTH_FORWARD) for share in np.linspace(0.0, 1.0, 50))
    nearer = next(positions for positions in lowered if reach(ROBOT, positions) < here - 0.003)
    assert here - INSIDE < reach(ROBOT, nearer)
    found = [coupling.base_may_move(number * LOOK_EVERY, where) for number, where in enumerate((BOTH_FORWARD, nearer, back, nearer))]

    assert found == [False, False, True, True]


def test_a_robot_without_wrist_yaw_reaches_with_the_last_link_that_it_has() -> None:
    positions = BOTH_FORWARD.copy()
    positions[PLACES["left_wrist_yaw_joint"]] = 1.0  # what a place without a motor says counts for nothing
    shorter = reach(load_robot("g1_23.yaml"), positions)

    assert 0.05 < reach(ROBOT, BOTH_FORWARD) - shorter < 0.12


def test_arms_become_slower_and_quicker_again_little_by_little() -> None:
    coupling = Coupling(ROBOT, DriverSettings(walking_velocity_scale=0.5))
    scales = np.array([coupling.arms_scale(number < 500) for number in range(1000)])

    assert scales[499] == 0.5 and scales[-1] == 1.0
    assert np.abs(np.diff(scales, prepend=1.0)).max() <= 1.0 / (250.0 * CHANGE_TIME) + 1e-9
    assert np.count_nonzero(scales[:500] > 0.5) < 0.5 * CHANGE_TIME * 250.0 + 1
