"""Joint-level motors in the simulated world: the gains that are sent are those that act."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.unitree.motors import FRICTION, Motors
from neon_control.sim.unitree.own_motion import damped
from neon_control.sim.unitree.set_points import KD, KP, MOTORS, TAU, set_points
from neon_control.sim.unitree.stage import PERIOD
from neon_control.sim.world import World

ELBOW = JOINTS.index("left_elbow_joint")


@pytest.fixture
def world() -> World:
    return World(load_robot("g1.yaml"), timestep=PERIOD)


@pytest.fixture
def motors(world: World) -> Motors:
    return Motors(world)


def stiff(world: World, kp: float = 300.0, kd: float = 8.0) -> np.ndarray:
    return set_points(world.description.home_positions(JOINTS), kp, kd)


def test_torque_is_what_position_velocity_and_feed_forward_say(world: World, motors: Motors) -> None:
    points = stiff(world)
    points[:, ELBOW] = motors.measure()[0, ELBOW] + 0.1, 0.5, 0.7, 40.0, 1.5
    motors.apply(points)
    position, velocity = motors.measure()[:2, ELBOW]
    world.step(PERIOD)
    torque = motors.measure()[3, ELBOW]
    assert torque == pytest.approx(0.7 + 40.0 * (points[0, ELBOW] - position) + 1.5 * (0.5 - velocity), rel=1e-6)


def test_the_urdf_limits_the_torque(world: World, motors: Motors) -> None:
    points = stiff(world)
    points[TAU, ELBOW] = 1000.0
    motors.apply(points)
    world.step(PERIOD)
    assert motors.measure()[3, ELBOW] == pytest.approx(25.0)  # [N m] its effort


def test_softer_gains_sag_further_for_nothing_carries_the_arms(world: World, motors: Motors) -> None:
    home, sag = world.description.home_positions(JOINTS), []
    for kp in (300.0, 60.0, 20.0):
        motors.apply(stiff(world, kp))
        world.step(3.0)
        sag.append(abs(motors.measure()[0, ELBOW] - home[ELBOW]))
    assert sag[0] < sag[1] < sag[2]
    assert 0.01 < sag[1] < 0.08  # [rad]


def test_feed_forward_that_carries_the_arm_takes_the_sag_away(world: World, motors: Motors) -> None:
    home, points = world.description.home_positions(JOINTS), stiff(world, 60.0, 3.0)
    dofs = [world.model.joint(name).dofadr[0] for name in JOINTS[12:]]
    points[TAU, 12:] = world.data.qfrc_bias[dofs]
    motors.apply(points)
    world.step(3.0)
    assert np.abs(motors.measure()[0, 12:] - home[12:]).max() < 1.5 * FRICTION / 60.0 + 0.005


def test_without_torque_arms_fall_and_damping_only_slows_them(world: World, motors: Motors) -> None:
    fallen = {}
    for name, points in (("nothing", set_points()), ("damp", damped())):
        world.reset(np.random.default_rng(0))
        before = motors.measure()[0]
        motors.apply(points)
        world.step(0.3)
        fallen[name] = np.abs(motors.measure()[0] - before)[15:].max()
    assert fallen["nothing"] > 3.0 * fallen["damp"] > 0.0
    assert not damped()[KP].any()
    assert damped()[KD].all()


def test_legs_stand_still_and_are_told_so(motors: Motors) -> None:
    assert motors.measure().shape == (4, MOTORS)
    assert not motors.measure()[:, :12].any()


def test_another_world_of_the_same_robot_keeps_its_servos(motors: Motors) -> None:
    other = World(load_robot("g1.yaml"))
    kp = other.model.actuator("left_elbow_joint").gainprm[0]
    assert kp == 100.0
    assert other.model.body_gravcomp.max() == 1.0
    assert other.model.opt.timestep == 0.005


def test_a_motor_that_is_stuck_hardly_moves_and_the_others_go_on(world: World, motors: Motors) -> None:
    other = JOINTS.index("right_elbow_joint")
    points = stiff(world)
    points[0, [ELBOW, other]] += 0.5
    motors.stick(ELBOW)
    begin = motors.measure()[0]
    motors.apply(points)
    world.step(1.0)
    moved = motors.measure()[0] - begin
    assert abs(moved[ELBOW]) < 0.05 and moved[other] > 0.3

    motors.stick(None)
    world.step(1.0)
    assert motors.measure()[0, ELBOW] - begin[ELBOW] > 0.3
