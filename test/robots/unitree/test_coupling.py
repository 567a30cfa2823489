"""Arms and base of a robot that balances."""

from __future__ import annotations

from g1_bench import ROBOT

from neon_control.robots.unitree.coupling import Coupling
from neon_control.robots.unitree.settings import DriverSettings

ARMS_DOWN: dict[str, float] = {}
ONE_FORWARD = {"left_shoulder_pitch_joint": -1.5, "left_elbow_joint": 1.5}
BOTH_FORWARD = {**ONE_FORWARD, "right_shoulder_pitch_joint": -1.5, "right_elbow_joint": 1.5}


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
