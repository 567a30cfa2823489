"""A joint that turns without end, from chunks and wrapped or unwrapped measurements to commands: the nearest way, and no spin back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.ensemble import METHODS, EnsembleSettings
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.supervisor import State
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.robot.turns import TURN, near, within
from neon_control.core.sensing.witnesses import Witnesses

MS = 1_000_000
PERIOD, DT, H = 10 * MS, 0.02, 16
NAMES = ("wrist", "elbow")
SPEED = 1.5  # [rad/s] limit of both joints


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Robot:
    return load(tmp_path_factory.mktemp("robot"))


def load(folder: Path, **more: object) -> Robot:
    """One joint without ends, one with, and perhaps a base."""
    limits = {"wrist": ("continuous", 'velocity="3"'), "elbow": ("revolute", 'lower="-3" upper="3" velocity="3"')}
    joints = "".join(
        f'<joint name="{name}" type="{kind}"><parent link="a"/><child link="{name}_link"/><axis xyz="0 0 1"/><limit {limit}/></joint>'
        f'<link name="{name}_link"/>'
        for name, (kind, limit) in limits.items()
    )
    (folder / "r.urdf").write_text(f'<robot name="r"><link name="a"/>{joints}</robot>')
    data = {
        "name": "r",
        "urdf": "r.urdf",
        "groups": {"arm": list(NAMES)},
        "parts": {"arms": ["arm"]},
        "limits": {"groups": {"arm": {"velocity_scale": 0.5, "max_acceleration": 10.0}}},
        "controllers": {"arm_controller": {"topic": "arm_controller/joint_trajectory", "joints": ["arm"]}},
        **more,
    }
    (folder / "r.yaml").write_text(yaml.safe_dump(data))
    return load_robot(folder / "r.yaml")


class World:
    """An arm that follows with a lag of 30 ms, a driver that wraps or does not, and a policy that is a function of time."""

    def __init__(self, robot: Robot, position: float, wraps: bool, method: str = "latest") -> None:
        limits = (robot.limits(NAMES, limit) for limit in ("lower", "upper", "max_velocity"))
        settings = ExecutorSettings(start_ramp=0.3, resume_ramp=0.2, joints=EnsembleSettings(method=method))
        self.executor = MotionExecutor(robot, NAMES, settings, witnesses=Witnesses(NAMES, *limits))
        self.wraps, self.position, self.now = wraps, np.array([position, 0.0]), 1_000_000 * MS
        self.commanded: list[float] = []
        self.states: set[State] = set()

    def follow(self, command: Command) -> None:
        """A driver that wraps goes to a command by the nearest way, as it could not tell it from another."""
        goal = near(command.positions, self.position) if self.wraps else command.positions
        self.position = self.position + 0.28 * (goal - self.position)

    def run(self, seconds: float, policy: object) -> np.ndarray:
        """(T,) [rad] what the wrist was commanded, while the policy wants `policy(t)` [s]; it speaks of one turn only."""
        begin = len(self.commanded)
        for tick in range(round(seconds * 100)):
            self.now += PERIOD
            told = np.array([within(self.position[:1], -math.pi)[0] if self.wraps else self.position[0], self.position[1]])
            self.executor.add_joint_states(self.now - 2 * MS, NAMES, told, b"driver")
            if tick % 10 == 0:
                stamp = self.now - 60 * MS
                wanted = within(np.array([policy(stamp * 1e-9 - 1000.0 + DT * step) for step in range(H)]), -math.pi)
                self.executor.add_chunk(JOINTS, ActionChunk(stamp, DT, NAMES, np.stack([wanted, 0.0 * wanted], axis=1)), "policy")
            command = self.executor.tick(self.now)
            self.states.add(self.executor.supervisor.state)
            if command is not None:
                self.follow(command)
                self.commanded.append(float(command.positions[0]))
        assert self.executor.supervisor.state is State.RUNNING, self.executor.supervisor.cause
        return np.array(self.commanded[begin:])


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_joint_that_is_turned_on_and_on_never_spins_back(robot: Robot, wraps: bool, method: str) -> None:
    world = World(robot, 2.5, wraps, method)
    commanded = world.run(14.0, lambda t: 2.5 + 1.2 * t)
    steps = np.diff(commanded)
    assert commanded[-1] - commanded[0] > 2.0 * TURN
    assert steps.min() > -0.03, "small steps back, by which the controller is tried, and no more"
    assert steps.max() <= SPEED * 0.01 * (1 + 1e-9)
    assert within(commanded[-1:], 0.0) == pytest.approx(within(np.array([2.5 + 1.2 * (world.now * 1e-9 - 1000.0)]), 0.0), abs=0.05)


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize(("start", "target", "way"), [(3.0, -3.0, TURN - 6.0), (-3.0, 3.0, 6.0 - TURN), (14.0, 0.3, 2 * TURN + 0.3 - 14.0)])
def test_a_target_is_gone_to_by_the_nearest_way(robot: Robot, wraps: bool, start: float, target: float, way: float) -> None:
    world = World(robot, start, wraps)
    commanded = world.run(4.0, lambda t: target)
    assert abs(commanded[-1] - world.commanded[0] - way) < 0.02
    low, high = sorted((0.0, way))
    assert low - 0.05 <= (commanded - world.commanded[0]).min() and (commanded - world.commanded[0]).max() <= high + 0.05


def test_a_target_half_a_turn_away_is_reached_although_the_policy_flickers(robot: Robot) -> None:
    world = World(robot, 0.0, wraps=True)
    rng = np.random.default_rng(3)
    commanded = world.run(6.0, lambda t: math.pi + rng.uniform(-0.02, 0.02))
    assert abs(commanded[-1]) == pytest.approx(math.pi, abs=0.05)


def test_after_the_policy_was_away_the_way_is_again_the_nearest(robot: Robot) -> None:
    world = World(robot, 0.0, wraps=True)
    world.run(6.0, lambda t: 2.0 + 0.5 * t)
    begin = world.commanded[-1]
    for _ in range(100):  # no chunks: it stops and holds
        world.now += PERIOD
        world.executor.add_joint_states(world.now - 2 * MS, NAMES, within(world.position, -math.pi), b"driver")
        command = world.executor.tick(world.now)
        if command is not None:
            world.follow(command)
    assert world.executor.supervisor.state is State.HOLDING
    commanded = world.run(6.0, lambda t: begin - 1.0)
    assert commanded[-1] == pytest.approx(begin - 1.0, abs=0.05) and commanded.max() < begin + 0.2


def test_a_car_is_commanded_no_tighter_curve_than_it_can_drive(tmp_path: Path) -> None:
    most = {"vx": 1.0, "yaw_rate": 1.0}
    robot = load(tmp_path, base={"max_velocity": most, "max_acceleration": {"vx": 2.0, "yaw_rate": 6.0}, "minimum_radius": 2.0})
    executor = MotionExecutor(robot, NAMES, ExecutorSettings(start_ramp=0.1, following_limit=0.0))
    now, sent = 1_000_000 * MS, []
    for tick in range(300):
        now += PERIOD
        executor.add_joint_states(now - 2 * MS, NAMES, np.zeros(2))
        if tick % 10 == 0:
            stamp = now - 60 * MS
            speed = 1.0 if tick < 150 else -0.5
            executor.add_chunk(JOINTS, ActionChunk(stamp, DT, NAMES, np.zeros((H, 2))), "policy")
            executor.add_chunk(BASE, ActionChunk(stamp, DT, BASE_NAMES, np.tile([speed, 0.7, 1.0], (H, 1))), "policy")
        command = executor.tick(now)
        if command is not None:
            sent.append(command.base)
    base = np.array(sent)
    assert base[:, 0].max() == pytest.approx(1.0) and base[:, 0].min() == pytest.approx(-0.5)
    assert not base[:, 1].any(), "it cannot go sideways, whatever a policy wants"
    assert (np.abs(base[:, 2]) <= np.abs(base[:, 0]) / 2.0 + 1e-12).all() and base[:, 2].max() == pytest.approx(0.5)


def test_a_joint_of_its_own_tracking_limit_stops_the_arm_alone(tmp_path: Path) -> None:
    groups = {"arm": {"velocity_scale": 0.5, "max_acceleration": 10.0}}
    robot = load(tmp_path, limits={"groups": groups, "joints": {"elbow": {"tracking_error_limit": 0.02}}})
    executor = MotionExecutor(robot, NAMES, ExecutorSettings(start_ramp=0.1, following_limit=0.0))
    now = 1_000_000 * MS
    for tick in range(200):
        now += PERIOD
        lag = 0.1 if tick >= 100 else 0.0
        executor.add_joint_states(now - 2 * MS, NAMES, np.array([lag, 0.0 if tick < 150 else 0.03]))
        if tick % 10 == 0:
            executor.add_chunk(JOINTS, ActionChunk(now - 60 * MS, DT, NAMES, np.zeros((H, 2))), "policy")
        executor.tick(now)
        if tick == 149:
            assert executor.supervisor.state is State.RUNNING, "0.1 rad are allowed to the wrist"
        if executor.supervisor.cause == "tracking_error":
            break
    assert tick >= 150 and executor.supervisor.cause == "tracking_error"
    assert executor.farthest == (1, pytest.approx(0.03)), "the wrist is farther away, and allowed to be"
