"""The stand-in in its world, without DDS: episodes, arms that are handed over and back, and a base that walks."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.robots.unitree.motors import JOINTS
from neon_control.sim.unitree.own_motion import SWING
from neon_control.sim.unitree.robot import ArmCommand
from neon_control.sim.unitree.set_points import set_points
from neon_control.sim.unitree.sport import SET_VELOCITY, WALK
from neon_control.sim.unitree.stage import PERIOD, UnitreeStage, UnitreeState

ARMS = slice(15, 29)
SHOULDER = JOINTS.index("left_shoulder_pitch_joint")


class Run:
    """A stage whose time is counted."""

    def __init__(self, **options) -> None:
        self.stage = UnitreeStage(load_robot("g1.yaml"), options.get("model", "29"), WALK)
        self.stage.reset(0, 0)
        self.now, self.states = time.time_ns(), []

    def tick(self) -> UnitreeState:
        self.now += round(PERIOD * 1e9)
        self.states.append(self.stage.tick(self.now, PERIOD))
        return self.states[-1]

    def go(self, seconds: float, command=lambda t: None) -> np.ndarray:
        """(T, 29) positions."""
        begin = len(self.states)
        for i in range(round(seconds / PERIOD)):
            if i % 2 == 0 and (given := command(i * PERIOD)) is not None:
                self.stage.command(given)
            self.tick()
        return np.array([state.motors[0] for state in self.states[begin:]])


def test_an_episode_begins_at_home_and_the_arms_swing_by_themselves() -> None:
    run = Run()
    positions = run.go(4.0)
    home = run.stage._world.description.home_positions(JOINTS)
    assert np.abs(positions[0] - home).max() < 0.01
    assert np.ptp(positions[:, SHOULDER]) > SWING


def test_arms_are_handed_over_and_back_without_a_jump_and_stay_in_between() -> None:
    run = Run()
    held = run.go(0.5)[-1]

    def client(weight):
        return lambda t: ArmCommand(float(weight(t)), set_points(held, 60.0, 1.5), 5, True)

    run.go(2.0, client(lambda t: t / 2.0))
    still = run.go(2.0, client(lambda t: 1.0))
    assert np.ptp(still[500:, ARMS], axis=0).max() < 0.02
    run.go(2.0, client(lambda t: 1.0 - t / 2.0))
    free = run.go(4.0, client(lambda t: 0.0))
    assert np.ptp(free[:, SHOULDER]) > SWING
    assert run.stage.robot.trips == []
    assert max(np.abs(state.motors[1]).max() for state in run.states) < 1.0  # [rad/s]


def test_a_dead_client_is_seen_by_arms_that_do_not_swing() -> None:
    run = Run()
    held = run.go(0.1)[-1]
    run.go(2.0, lambda t: ArmCommand(t / 2.0, set_points(held, 60.0, 1.5), 5, True))
    alone = run.go(4.0)
    assert np.ptp(alone[500:, SHOULDER]) < 0.02
    assert run.stage.truth()["unitree"] == {"weight": 0.998, "state_machine": WALK, "trips": 0, "received": 500, "ignored": 0}


def test_the_base_walks_and_stops_by_itself() -> None:
    run = Run()
    run.stage.request(run.now, SET_VELOCITY, json.dumps({"velocity": [-0.3, 0.0, 0.0], "duration": 1.0}))
    run.go(0.9)
    assert run.states[-1].base_velocity[0] == pytest.approx(-0.3, abs=0.03)
    run.go(0.5)
    assert np.abs(run.states[-1].base_velocity).max() < 0.01


def test_joints_that_a_model_lacks_are_not_measured() -> None:
    run = Run(model="23")
    motors = run.tick().motors
    assert not motors[:, [13, 14, 20, 21, 27, 28]].any()
    assert motors[0, SHOULDER] != 0.0


def test_truth_is_the_simulations_and_plain_for_json() -> None:
    truth = Run().stage.truth()
    assert json.loads(json.dumps(truth)) == truth
    assert {"cubes", "hands", "outcome", "unitree"} <= set(truth)
