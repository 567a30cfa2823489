"""Grippers in the executor: contact stops nothing, a stop lets go of nothing, and nothing is averaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from jaw_robot import GRIPPERS, jaw_robot

from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.ensemble import METHODS, EnsembleSettings
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.promise import Motion
from neon_control.core.control.supervisor import State
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.witnesses import Witnesses

MS, SECOND = 1_000_000, 1_000_000_000
PERIOD = 10 * MS
DT, H = 0.02, 16


class World:
    """Arm and gripper behind trajectory controllers, with an object between the fingers, a policy and a clock that is stepped by hand.

    Attributes:
        wanted: what the policy wants of the gripper.
        thing: the opening at which something is met, share of the range; None: nothing is there.
    """

    def __init__(self, file: Path, mode: str = "arms_only", **settings: object) -> None:
        self.robot = load_robot(file)
        self.names = self.robot.parts["arms"]
        self.upper = self.robot.joints[self.names[-1]].upper
        ranges = (self.robot.limits(self.names, f) for f in ("lower", "upper", "max_velocity"))
        options = ExecutorSettings(**{"start_ramp": 0.2, "resume_ramp": 0.1, **settings})
        witnesses = Witnesses(self.names, *ranges, jumping=self.robot.gripping)
        self.executor = MotionExecutor(self.robot, self.names, options, witnesses=witnesses)
        self.now = 1_000_000 * MS
        self.position = np.array([0.1, -0.2, 0.9 * self.upper])
        self.wanted: float | Callable[[float], float] = 0.9 * self.upper
        self.thing: float | None = None
        self.chunks = self.states = True
        self.ticks = 0
        self.ways: dict[str, Motion] = {}
        self.gripped: list[float] = []  # what the gripper's controller was told, period by period
        self.rests: list[float] = []  # and where the motion that it knows leads

    @property
    def state(self) -> State:
        return self.executor.supervisor.state

    def step(self, count: int = 1) -> Command | None:
        command = None
        for _ in range(count):
            self.now += PERIOD
            self.ticks += 1
            if self.states:
                self.executor.add_joint_states(self.now - 2 * MS, self.names, self.position.tolist(), b"driver")
            if self.chunks and self.ticks % 10 == 0:
                stamp = self.now - 60 * MS
                seconds = (stamp * 1e-9) + DT * np.arange(H)
                grip = [self.wanted(t) if callable(self.wanted) else self.wanted for t in seconds]
                arm = 0.3 * np.sin(0.8 * seconds)
                self.executor.add_chunk(JOINTS, ActionChunk(stamp, DT, self.names, np.stack([arm, -arm, grip], axis=1)), "policy")
            command = self.executor.tick(self.now)
            if command is not None:
                self.ways.update(command.trajectories)
                for name, way in self.ways.items():
                    columns = self.executor.joining.columns[name]
                    if self.now >= way.times[0]:
                        self.position[columns] += 0.3 * (way.at(self.now)[0][columns] - self.position[columns])
                if self.thing is not None:
                    self.position[2] = max(self.position[2], self.thing * self.upper)
                if "gripper_controller" in self.ways:
                    self.gripped.append(float(self.ways["gripper_controller"].at(self.now)[0][2]))
                    self.rests.append(float(self.ways["gripper_controller"].positions[-1, 2]))
        return command

    def run_to(self, state: State, limit: int = 600) -> None:
        for _ in range(limit):
            if self.state is state:
                return
            self.step()
        raise AssertionError(f"still {self.state} after {limit} steps ({self.executor.supervisor.cause})")

    def grasp(self) -> None:
        """Follow the policy, and close on an object half way."""
        self.run_to(State.RUNNING)
        self.thing, self.wanted = 0.5, 0.1 * self.upper
        self.step(200)
        assert self.position[2] == pytest.approx(0.5 * self.upper) and self.gripped[-1] == pytest.approx(self.wanted)


@pytest.fixture(params=GRIPPERS)
def joint(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_object_between_the_fingers_stops_neither_gripper_nor_arm(tmp_path: Path, joint: str) -> None:
    world = World(jaw_robot(tmp_path, {}, joint), tracking_error_limit=0.1)
    world.grasp()
    assert not world.executor.supervisor.stops and world.state is State.RUNNING


def test_without_the_section_the_same_object_stops_the_arm(tmp_path: Path) -> None:
    world = World(jaw_robot(tmp_path, None), tracking_error_limit=0.1)
    with pytest.raises(AssertionError):
        world.grasp()
    assert world.executor.supervisor.stops["tracking_error"]


def test_a_limit_of_its_own_counts_in_its_own_unit(tmp_path: Path, joint: str) -> None:
    upper = GRIPPERS[joint][1]
    file = jaw_robot(tmp_path, {}, joint)
    data = yaml.safe_load(file.read_text())
    data["limits"]["groups"]["gripper"]["tracking_error_limit"] = 0.3 * upper
    file.write_text(yaml.safe_dump(data))
    world = World(file)
    world.run_to(State.RUNNING)
    world.thing, world.wanted = 0.5, 0.1 * world.upper
    world.run_to(State.BRAKING)
    assert world.executor.supervisor.stops == {"tracking_error": 1} and world.executor.farthest[0] == 2
    world.wanted = 0.5 * world.upper  # the fault ends by itself: the gripper has given way
    world.step(20)
    world.run_to(State.RUNNING)


def no_chunks(world: World) -> None:
    world.chunks = False


def no_states(world: World) -> None:
    world.states = False


def estop(world: World) -> None:
    world.executor.supervisor.press_estop(True)


def pushed_away(world: World) -> None:
    """The arm, slowly enough to be believed, and further than the tracking error may be."""
    begin = world.position[0]
    for n in range(60):
        world.position[0] = begin + 0.012 * n
        world.step()


STOPS = (no_chunks, no_states, estop, pushed_away)


@pytest.mark.parametrize("stop", STOPS)
def test_every_stop_keeps_the_opening_that_was_commanded(tmp_path: Path, joint: str, stop: Callable[[World], None]) -> None:
    world = World(jaw_robot(tmp_path, {}, joint))
    world.grasp()
    begin = len(world.gripped)
    stop(world)
    world.step(150)
    assert sum(world.executor.supervisor.stops.values()) or world.state is State.ESTOPPED
    pressed = np.array(world.gripped[begin:]), np.array(world.rests[begin:])
    assert all(np.abs(values - world.wanted).max() < 1e-9 for values in pressed)


def test_an_arm_that_is_moved_by_force_meanwhile_gives_way_and_the_gripper_does_not(tmp_path: Path) -> None:
    world = World(jaw_robot(tmp_path, {}))
    world.grasp()
    no_chunks(world)
    world.step(150)
    held = world.executor.limiter.value.copy()
    pushed_away(world)
    assert abs(world.executor.limiter.value[0] - held[0]) > 0.05
    assert world.gripped[-1] == world.rests[-1] == pytest.approx(0.1 * world.upper)


@pytest.mark.parametrize("stop", STOPS[:3])
def test_the_other_choices_let_go(tmp_path: Path, stop: Callable[[World], None]) -> None:
    world = World(jaw_robot(tmp_path, {"on_stop": "measured"}))
    world.grasp()
    stop(world)
    world.step(150)
    if stop is not no_states:  # then nobody knows where it is
        assert world.gripped[-1] == pytest.approx(0.5 * world.upper)
    world = World(jaw_robot(tmp_path, {"on_stop": "open", "open": 0.85}))
    world.grasp()
    stop(world)
    world.step(300)
    assert world.gripped[-1] == pytest.approx(0.85)


def test_an_activation_does_not_let_go_either_unless_somebody_has_moved_the_gripper_meanwhile(tmp_path: Path) -> None:
    world = World(jaw_robot(tmp_path, {}))
    for moved in (0.0, 0.2):
        world.wanted, world.thing = 0.9 * world.upper, None
        world.grasp()
        world.executor.supervisor.request_stop()
        world.run_to(State.STOPPED)
        world.executor.restart()
        world.ways, world.thing = {}, 0.5 + moved
        world.position[2] = world.thing * world.upper
        begin = len(world.gripped)
        world.run_to(State.HOLDING)
        assert len(world.gripped) == begin, "nothing is sent to a gripper before the policy is followed"
        world.run_to(State.RAMPING)
        world.step(2)
        expected = 0.1 if not moved else 0.7
        assert world.gripped[begin] == pytest.approx(expected * world.upper, abs=0.01 * world.upper)


def test_a_gripper_that_holds_something_when_the_executor_starts_is_not_asked_for_a_step(tmp_path: Path, joint: str) -> None:
    world = World(jaw_robot(tmp_path, {}, joint))
    world.thing, world.wanted = 0.9, 0.1 * world.upper  # it cannot close at all
    world.run_to(State.RUNNING)
    world.step(100)
    assert not world.executor.supervisor.stops


@pytest.mark.parametrize("method", METHODS)
def test_chunks_that_disagree_are_averaged_for_the_arm_alone(tmp_path: Path, method: str) -> None:
    upper = GRIPPERS["jaw"][1]
    settings = EnsembleSettings(method, m=0.0, tau=10.0, blend_horizon=0.3)
    for section, averaged in (({}, False), ({"ensemble": "joints"}, method != "latest")):
        executor = World(jaw_robot(tmp_path, section), joints=settings).executor
        ensemble, opened = executor.streams[JOINTS].ensemble, np.array([0.0, 0.4])
        for stamp, grip in ((0, 0.9), (100 * MS, 0.1)):
            values = np.tile([*(opened if grip > 0.5 else -opened), grip * upper], (H, 1))
            ensemble.add(ActionChunk(stamp, DT, executor.joint_names, values), 150 * MS)
        target = ensemble.evaluate(160 * MS)
        assert (target[2] != pytest.approx(0.1 * upper)) is averaged
        assert (target[1] != pytest.approx(-0.4)) is (method != "latest")


def test_a_two_state_gripper_changes_once_while_its_target_trembles_about_the_threshold(tmp_path: Path) -> None:
    section = {"open": 0.8, "closed": 0.1, "threshold": 0.45, "hysteresis": 0.1}
    world = World(jaw_robot(tmp_path, section))
    random = np.random.default_rng(3)
    world.wanted = lambda t: 0.8
    world.run_to(State.RUNNING)
    begin = world.now * 1e-9
    world.wanted = lambda t: float(np.clip(0.8 - 0.2 * (t - begin) + random.uniform(-0.09, 0.09), 0.0, 0.9))
    world.step(350)
    goals = np.array(world.rests[-350:])
    assert goals.min() == pytest.approx(0.1) and (np.diff(goals) <= 1e-9).all(), "it went back"
    assert world.gripped[-1] == pytest.approx(0.1)


def test_of_what_is_not_finite_a_two_state_gripper_makes_nothing(tmp_path: Path) -> None:
    grip = World(jaw_robot(tmp_path, {"open": 0.8, "closed": 0.1, "threshold": 0.45})).executor.grip
    assert np.isnan(grip.target(np.array([0.0, 0.0, np.nan]))[2])
    assert grip.target(np.array([0.0, 0.0, 0.3]))[2] == 0.1
    assert grip.target(np.array([0.0, 0.0, 0.45]))[2] == 0.1  # on the threshold: as before


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_gripper_stays_in_its_limits_and_presses_with_what_the_policy_wanted(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    world = World(jaw_robot(tmp_path, {}, ("jaw", "finger")[seed % 2]))
    limit = world.robot.joints[world.names[2]]
    world.run_to(State.RUNNING)
    for _ in range(12):
        world.wanted = float(random.uniform(0.0, 1.0)) * world.upper
        world.thing = None if random.random() < 0.4 else float(random.uniform(0.0, world.position[2] / world.upper))
        world.chunks, world.states = random.random() < 0.7, random.random() < 0.8
        world.executor.supervisor.press_estop(bool(random.random() < 0.2))
        world.step(int(random.integers(1, 120)))
        world.executor.supervisor.press_estop(False)
        world.executor.supervisor.reset()
    world.chunks = world.states = True
    told = np.array(world.gripped)
    assert (told >= limit.lower - 1e-12).all() and (told <= limit.upper + 1e-12).all()
    assert np.abs(np.diff(told)).max() <= limit.max_velocity * PERIOD * 1e-9 * (1 + 1e-6)
    assert not world.executor.supervisor.stops["tracking_error"] and not world.executor.supervisor.stops["not_following"]
    world.step(400)
    assert world.state is State.RUNNING and world.gripped[-1] == pytest.approx(world.wanted)


def test_a_gripper_whose_message_was_held_up_is_led_back_to_the_opening_that_was_commanded(tmp_path: Path) -> None:
    world = World(jaw_robot(tmp_path, {}))
    world.grasp()
    world.step()
    world.executor.withdraw("gripper_controller", returned=world.now + 30 * MS)
    begin = len(world.gripped)
    messages = []
    for _ in range(300):
        command = world.step()
        if command is not None and "gripper_controller" in command.trajectories:
            messages.append(command.trajectories["gripper_controller"].times[0] - world.now)
    assert world.executor.supervisor.stops == {"not_following": 1} and world.state is State.RUNNING
    assert messages[0] >= 100 * MS, "the first one lies ahead, so that it goes there from wherever it is"
    assert max(messages[1:]) <= 0
    assert np.abs(np.array(world.gripped[begin:]) - world.wanted).max() < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_what_is_foreseen_of_a_two_state_gripper_is_the_state_that_it_is_sent_to(tmp_path: Path, method: str) -> None:
    """Also of a robot without a base; and whatever the method, its column is not blended."""
    section = {"open": 0.8, "closed": 0.1, "threshold": 0.45}
    world = World(jaw_robot(tmp_path, section), joints=EnsembleSettings(method, blend_horizon=0.3))
    world.wanted = 0.7
    world.run_to(State.RUNNING)
    world.step(100)
    world.executor.outlook()
    world.wanted = 0.3
    outlook = None
    while outlook is None:
        world.step()
        outlook = world.executor.outlook()
    world.chunks = False
    foreseen = outlook.foresee()
    assert set(foreseen) == {JOINTS}
    told, begin = foreseen[JOINTS], len(world.gripped)
    assert (np.diff(told.values[:, 2]) <= 1e-9).all() and told.values[-1, 2] < 0.75, "it closes"
    instants = [world.now + (k + 1) * PERIOD for k in range(15)]
    world.step(15)
    known = (told.instants >= instants[0]) & (told.instants <= instants[-1])
    assert known.sum() >= 3
    came = np.interp(told.instants[known] - world.now, np.array(instants) - world.now, world.gripped[begin:])
    np.testing.assert_allclose(told.values[known, 2], came, atol=1e-3)
