"""Arms and base of a robot that balances."""

from __future__ import annotations

import numpy as np
from g1_bench import ROBOT

from neon_control.robots.unitree.coupling import Coupling
from neon_control.robots.unitree.motors import JOINTS, PLACES
from neon_control.robots.unitree.settings import DriverSettings


def pose(*sides: str) -> np.ndarray:
    """The arms of these sides reach forward."""
    positions = np.zeros(len(JOINTS))
    for side in sides:
        positions[[PLACES[f"{side}_shoulder_pitch_joint"], PLACES[f"{side}_elbow_joint"]]] = (-1.5, 1.5)
    return positions


ARMS_DOWN, ONE_FORWARD, BOTH_FORWARD = pose(), pose("left"), pose("left", "right")


def test_it_is_off_by_default() -> None:
    coupling = Coupling(ROBOT, DriverSettings())

    assert coupling.base_may_move(BOTH_FORWARD) and coupling.arms_scale(True) == 1.0


def test_the_base_stands_while_both_arms_reach_far() -> None:
    coupling = Coupling(ROBOT, DriverSettings(reach_radius=0.3))

    assert coupling.base_may_move(ARMS_DOWN) and coupling.base_may_move(ONE_FORWARD)
    assert not coupling.base_may_move(BOTH_FORWARD)


def test_arms_are_slower_while_the_base_moves() -> None:
    coupling = Coupling(ROBOT, DriverSettings(walking_velocity_scale=0.5))

    assert coupling.arms_scale(True) == 0.5 and coupling.arms_scale(False) == 1.0
