"""Joints go where trajectories say, within limits, or to rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from g1_bench import ARM, ROBOT

from neon_control.core.common.errors import NeonControlError
from neon_control.robots.unitree.motors import JOINTS
from neon_control.robots.unitree.targets import HELD_VELOCITY, Targets

PERIOD = 0.004


@pytest.fixture
def targets() -> Targets:
    made = Targets(ROBOT, ARM.joints, {ARM.name: ARM.joints}, PERIOD)
    made.anchor(np.zeros(len(ARM.joints)))
    return made


def test_no_step_is_longer_than_the_velocity_limit_and_scale_shortens_it(targets: Targets) -> None:
    limits = ROBOT.limits(ARM.joints, "max_velocity")
    targets.approach(np.full(14, 9.0))
    np.testing.assert_allclose(targets.positions, limits * PERIOD)
    assert (targets.limited == 1).all()

    before = targets.positions
    targets.approach(np.full(14, 9.0), scale=0.25)
    np.testing.assert_allclose(targets.positions - before, 0.25 * limits * PERIOD)


def test_to_rest_with_the_acceleration_limit(targets: Targets) -> None:
    for _ in range(20):
        targets.approach(np.full(14, 0.9))
    speeds = [targets.velocities]
    while not targets.rests:
        targets.brake()
        speeds.append(targets.velocities)
    changes = np.abs(np.diff(speeds, axis=0)) / PERIOD

    assert (changes <= ROBOT.limits(ARM.joints, "max_acceleration") + 1e-6).all()
    assert len(speeds) * PERIOD < 0.3


def test_braking_ends_at_the_end_of_the_range() -> None:
    elbow = "left_elbow_joint"
    targets = Targets(ROBOT, [elbow], {}, PERIOD)
    targets.anchor(np.array([ROBOT.joints[elbow].safe_upper - 0.02]))
    targets.approach(np.array([9.0]))
    for _ in range(100):
        targets.brake()

    assert targets.positions[0] <= ROBOT.joints[elbow].safe_upper and targets.rests


def test_joints_that_the_robot_file_does_not_name_are_held_and_no_controller_moves_them() -> None:
    robot_without_waist = replace(ROBOT, joints={n: j for n, j in ROBOT.joints.items() if "waist" not in n})
    targets = Targets(robot_without_waist, JOINTS[12:], {ARM.name: ARM.joints}, PERIOD)
    targets.anchor(np.full(17, 0.05))
    targets.listen()
    targets.follow(10**9, np.zeros(17), np.zeros(17))
    assert (targets.positions == 0.05).all()

    targets.approach(np.full(17, 9.0))
    np.testing.assert_allclose(targets.positions[:3], 0.05 + HELD_VELOCITY * PERIOD)


def test_a_controller_that_there_is_not_is_an_error(targets: Targets) -> None:
    with pytest.raises(NeonControlError, match=r"no controller leg_controller; there are \['arm_controller'\]"):
        targets.accept("leg_controller", 0, 0, ARM.joints, np.zeros(1), np.zeros((1, 14)))
