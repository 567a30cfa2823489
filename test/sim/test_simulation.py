"""The simulated robot without ROS: episodes can be repeated, commands move it, their loss stops it."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from neon_control.core.robot.robot_file import load_robot
from neon_control.sim.simulation import Simulation
from neon_control.sim.world import COLOURS

PERIOD = 0.005
T0 = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def robot():
    return load_robot("g1.yaml")


@pytest.fixture
def simulation(robot) -> Simulation:
    return Simulation(robot, speech_delay=0.5)


class Clock:
    """Advances a simulation in real-time steps, without waiting."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.now = simulation, T0

    def run(self, seconds: float):
        for _ in range(round(seconds / PERIOD)):
            self.now += round(PERIOD * 1e9)
            state = self.simulation.tick(self.now, PERIOD)
        return state


def layout(simulation: Simulation) -> tuple:
    truth = simulation.truth()
    return truth["cubes"], truth["base"], truth["hands"]


def test_the_same_seed_and_index_give_the_same_episode(robot, simulation: Simulation) -> None:
    other = Simulation(robot, speech_delay=0.5)
    other.reset(3, 9)
    assert simulation.reset(7, 4) == other.reset(7, 4)
    assert layout(simulation) == layout(other)
    for world in (simulation, other):
        Clock(world).run(1.0)
    assert simulation.truth() | {"resets": 0} == other.truth() | {"resets": 0}
    assert np.array_equal(simulation.listen(16000), other.listen(16000))


def test_asking_for_a_colour_or_silencing_the_voice_changes_nothing_else(simulation: Simulation) -> None:
    drawn = simulation.reset(7, 4)
    before = layout(simulation)
    asked = next(c for c in COLOURS if c != drawn)
    simulation.mute(True)
    assert simulation.reset(7, 4, asked) == asked
    assert layout(simulation) == before
    assert simulation.reset(7, 5) in COLOURS
    assert layout(simulation) != before


def test_both_colours_are_drawn(simulation: Simulation) -> None:
    targets = [simulation.reset(0, index) for index in range(40)]
    assert 8 <= targets.count("red") <= 32


def test_the_command_is_spoken_after_the_silence(simulation: Simulation) -> None:
    clock = Clock(simulation)
    target = simulation.reset(1, 0)
    clock.run(0.45)
    assert (simulation.truth()["outcome"], simulation.truth()["text"]) == ("waiting", "")
    quiet = simulation.listen(8000).astype(float)
    clock.run(0.1)
    assert simulation.truth()["outcome"] == "running"
    assert target in simulation.truth()["text"]
    simulation.listen(8000)  # the first word begins within the length of a gap
    assert simulation.listen(16000).astype(float).std() > 1.5 * quiet.std()


def test_muted_the_trial_runs_but_nothing_is_said(simulation: Simulation) -> None:
    simulation.mute(True)
    simulation.reset(1, 0)
    Clock(simulation).run(1.0)
    assert (simulation.truth()["outcome"], simulation.truth()["text"]) == ("running", "")
    simulation.mute(False)
    assert simulation.truth()["target"] in simulation.truth()["text"]


def test_saying_a_colour_begins_a_new_trial_in_the_same_scene(simulation: Simulation) -> None:
    clock = Clock(simulation)
    target = simulation.reset(1, 0)
    clock.run(2.0)
    before = simulation.truth()
    other = next(c for c in COLOURS if c != target)
    simulation.say(other)
    clock.run(0.1)
    after = simulation.truth()
    assert (after["target"], after["outcome"]) == (other, "running")
    assert after["elapsed"] < 0.2 < before["elapsed"]
    assert after["cubes"] == before["cubes"]


def test_twelve_seconds_without_motion_are_a_timeout(simulation: Simulation) -> None:
    simulation.reset(1, 0)
    Clock(simulation).run(12.6)
    assert simulation.truth()["outcome"] == "timeout"


def test_the_truth_is_plain_json(simulation: Simulation) -> None:
    truth = simulation.truth()
    assert json.loads(json.dumps(truth)) == truth


def test_a_trajectory_moves_its_joints_and_holds_them(robot, simulation: Simulation) -> None:
    clock = Clock(simulation)
    clock.run(0.1)
    names = robot.controllers[0].joints
    start = clock.run(PERIOD).positions[[simulation.joint_names.index(n) for n in names]]
    goal = start + np.array([0.3 if name.startswith("left") else 0.0 for name in names])  # away from the body
    simulation.command_joints(robot.controllers[0].name, clock.now, 0, names, np.array([1.0]), goal[None, :])
    for seconds in (2.0, 5.0):
        positions = clock.run(seconds).positions
        reached = positions[[simulation.joint_names.index(n) for n in names]]
        assert np.abs(reached - goal).max() < 0.02


def test_the_base_stops_when_its_commands_stop(simulation: Simulation) -> None:
    clock = Clock(simulation)
    for _ in range(20):
        simulation.command_base(clock.now, clock.now, np.array([-0.3, 0.0, 0.4]))
        state = clock.run(0.05)
    assert np.allclose(state.base_velocity, [-0.3, 0.0, 0.4], atol=0.05)
    state = clock.run(0.7)
    assert np.abs(state.base_velocity).max() < 0.01


def test_a_reset_forgets_all_commands(robot, simulation: Simulation) -> None:
    clock = Clock(simulation)
    home = clock.run(0.1).positions
    names = robot.controllers[0].joints
    columns = [simulation.joint_names.index(n) for n in names]
    simulation.command_joints(robot.controllers[0].name, clock.now, 0, names, np.array([5.0]), home[columns][None, :] + 0.4)
    simulation.command_base(clock.now, 0, np.array([0.0, 0.3, 0.0]))
    clock.run(0.3)
    simulation.reset(0, 1)
    state = clock.run(1.0)
    assert np.abs(state.positions - home).max() < 0.05
    assert np.abs(state.base_velocity).max() < 0.01


def test_the_camera_draws_while_the_world_goes_on(simulation: Simulation) -> None:
    """Drawing takes as long as several periods of the body: neither may wait for the other, nor change its picture."""
    simulation.look()
    reference = simulation.draw().copy()
    assert reference.shape == (240, 320, 3)
    assert reference.std() > 10
    stop = threading.Event()
    ticks = 0

    def body() -> None:
        nonlocal ticks
        clock = Clock(simulation)
        while not stop.is_set():
            clock.run(PERIOD)
            ticks += 1

    thread = threading.Thread(target=body)
    thread.start()
    images = []
    for _ in range(10):
        before = ticks
        stamp = simulation.look()
        images.append(simulation.draw().copy())
        assert stamp == 0 or stamp > T0
        images_while = ticks - before
    stop.set()
    thread.join()
    assert images_while > 0
    assert all(np.abs(image.astype(int) - reference).mean() < 2.0 for image in images)  # the scene is at rest
    simulation.close()
