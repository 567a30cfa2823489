"""From chunks to commands, with a simulated arm and clock; no ROS."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.ensemble import METHODS, EnsembleSettings
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.promise import Motion
from neon_control.core.control.supervisor import State
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot

ROBOT = load_robot("g1.yaml")
NAMES = ROBOT.parts["arms"]
J = len(NAMES)
MS, SECOND = 1_000_000, 1_000_000_000
PERIOD = 10 * MS
DT, H = 0.02, 16
LOWER, UPPER = ROBOT.limits(NAMES, "safe_lower"), ROBOT.limits(NAMES, "safe_upper")
VELOCITY, ACCELERATION = ROBOT.limits(NAMES, "max_velocity"), ROBOT.limits(NAMES, "max_acceleration")
MIDDLE = 0.5 * (LOWER + UPPER)
JERK = 400.0  # [rad/s^3]
GENTLE = replace(ROBOT, joints={name: replace(joint, max_jerk=JERK) for name, joint in ROBOT.joints.items()})


class World:
    """An arm that follows commands with a lag of 30 ms, a policy that plays sines, and a clock that is stepped by hand."""

    def __init__(self, robot: Robot = ROBOT, dt: float = DT, num_steps: int = H, **settings: object) -> None:
        self.dt, self.num_steps = dt, num_steps
        given = {"start_ramp": 0.3, "resume_ramp": 0.2, "chunk_steps": num_steps, **settings}
        self.executor = MotionExecutor(robot, NAMES, ExecutorSettings(**given))
        self.now = 1_000_000 * MS
        self.position = MIDDLE.copy()
        self.commands: list[Command] = []
        self.times: list[int] = []
        self.chunks = self.states = True
        self.blocked = False
        self.source: object = "policy"
        self.ticks = 0

    @property
    def state(self) -> State:
        return self.executor.supervisor.state

    def policy(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions (H, J) and base velocities (H, 3) at times t (H,) [s]."""
        joints = MIDDLE + 0.2 * np.sin(2.0 * t[:, None] + np.arange(J))
        return joints, np.tile([0.5, 0.0, -1.0], (len(t), 1))

    def send_chunk(self, latency: int = 60 * MS, source: object = None) -> None:
        stamp = self.now - latency
        joints, base = self.policy(stamp * 1e-9 + self.dt * np.arange(self.num_steps))
        for stream, names, values in ((JOINTS, NAMES, joints), (BASE, BASE_NAMES, base)):
            self.executor.add_chunk(stream, ActionChunk(stamp, self.dt, names, values), source or self.source)

    def step(self, count: int = 1, skipped: int = 0) -> Command | None:
        """Advance by control periods, the first one late by some; a chunk every tenth."""
        command = None
        for n in range(count):
            stalled = 0 if n else skipped
            self.now += (1 + stalled) * PERIOD
            self.ticks += 1
            if self.states:
                self.executor.add_joint_states(self.now - 2 * MS, NAMES, self.position.tolist())
            if self.chunks and self.ticks % 10 == 0:
                self.send_chunk()
            command = self.executor.tick(self.now)
            if command is not None:
                self.commands.append(command)
                self.times.append(self.now)
                if not self.blocked:
                    self.position = self.position + 0.28 * (command.positions - self.position)
        return command

    def run_to(self, state: State, limit: int = 400) -> int:
        """Step until `state`; the number of steps."""
        for n in range(limit):
            if self.state is state:
                return n
            self.step()
        raise AssertionError(f"still {self.state} after {limit} steps ({self.executor.supervisor.cause})")

    def assert_within_limits(self) -> None:
        """Every motion that was told keeps the limits, and goes on from the one before it."""
        base = np.array([c.base for c in self.commands]).reshape(-1, 3)
        assert np.isfinite(base).all()
        assert (np.abs(np.diff(base, axis=0)) <= ROBOT.base.max_acceleration * PERIOD * 1e-9 * (1 + 1e-9)).all()
        joined = [c.trajectories.get("arm_controller") is c.motion for c in self.commands]
        for command in itertools.compress(self.commands, joined):
            assert_within_limits(command.motion)
        for (moment, before), (later, after) in itertools.pairwise(zip(self.times, self.commands, strict=True)):
            if 0 < later - moment < SECOND and "arm_controller" in before.trajectories.keys() & after.trajectories.keys():
                assert_one_motion(before.motion, after.motion, later, after.splice)


def assert_within_limits(motion: Motion) -> None:
    """Range, velocity and acceleration, at the knots and in between: between two of them the acceleration is constant."""
    times, positions, velocities = motion
    assert np.isfinite(positions).all() and np.isfinite(velocities).all() and not velocities[-1].any()
    assert (np.abs(velocities) <= VELOCITY * (1 + 1e-9)).all()
    lengths = np.diff(times)[:, None] * 1e-9
    assert (np.abs(np.diff(velocities, axis=0)) <= ACCELERATION * lengths * (1.2 + 1e-5) + 1e-9).all()
    went = np.diff(positions, axis=0) - 0.5 * (velocities[1:] + velocities[:-1]) * lengths
    assert (np.abs(went) <= ACCELERATION * lengths**2 / 8 + 1e-9).all(), "no one motion"
    outside = np.maximum(LOWER - positions, positions - UPPER)
    assert (np.diff(outside, axis=0)[outside[1:] > 1e-9] <= 1e-9).all()


def assert_one_motion(before: Motion, after: Motion, now: int, splice: int) -> None:
    """From `now` [ns] to `splice` both say the same, wherever one looks."""
    for instant in (now, (now + splice) // 2, splice):
        for old, new in zip(before.at(instant), after.at(instant), strict=True):
            np.testing.assert_allclose(new, old, atol=1e-6)


def test_nothing_is_sent_before_all_joints_are_known():
    world = World()
    world.states = False
    assert world.step(20) is None
    world.executor.add_joint_states(world.now, NAMES[:-1], world.position[:-1].tolist())
    assert world.step() is None
    assert world.executor.missing_joints() == [NAMES[-1]]


def test_without_chunks_the_measured_pose_is_held_and_the_base_stands():
    world = World()
    world.chunks = False
    command = world.step(50)
    np.testing.assert_array_equal(command.positions, MIDDLE)
    assert not command.base.any() and world.state is State.HOLDING


def test_the_start_is_a_ramp_from_the_measured_pose():
    world = World(start_ramp=1.0)
    world.position = MIDDLE + 0.4
    world.run_to(State.RUNNING)
    first = world.commands[0].positions
    np.testing.assert_allclose(first, MIDDLE + 0.4, atol=1e-3)
    assert 0.9 <= sum(1 for c in world.commands if c.base.any()) * PERIOD * 1e-9 <= 1.3
    world.step(20)
    world.assert_within_limits()


@pytest.mark.parametrize("method", METHODS)
def test_the_policy_is_followed_at_now_whatever_its_latency(method):
    world = World(joints=EnsembleSettings(method=method))
    world.run_to(State.RUNNING)
    command = world.step(57)
    expected, _ = world.policy(np.array([(world.now + PERIOD) * 1e-9]))
    np.testing.assert_allclose(command.positions, expected[0], atol=2e-4)  # the error of linear interpolation
    assert np.median(world.executor.observation_to_command.values) == pytest.approx(0.06, abs=0.001)


def test_action_latency_looks_ahead():
    world = World(action_latency=0.05)
    world.run_to(State.RUNNING)
    command = world.step(57)
    expected, _ = world.policy(np.array([(world.now + PERIOD) * 1e-9 + 0.05]))
    np.testing.assert_allclose(command.positions, expected[0], atol=2e-4)


def test_lost_chunks_stop_the_base_in_time_and_hold_the_pose():
    world = World()
    world.run_to(State.RUNNING)
    world.step(59)
    world.chunks = False
    world.send_chunk()  # the worst moment: right after a chunk
    lost = world.now
    while world.commands[-1].base.any():
        world.step()
    assert (world.now - lost) * 1e-9 <= 0.5
    world.step(100)
    assert world.state is State.HOLDING and world.executor.supervisor.stops == {"chunks": 1}
    np.testing.assert_allclose(world.commands[-1].positions, world.position, atol=1e-6)
    world.assert_within_limits()


def test_a_blocked_arm_is_held_where_it_is_not_where_it_was_sent():
    world = World(tracking_error_limit=10.0)
    world.run_to(State.RUNNING)
    world.blocked = True
    stuck = world.position.copy()
    world.step(50)
    assert np.abs(world.commands[-1].positions - stuck).max() > 0.05
    world.chunks = False
    world.step(200)
    np.testing.assert_allclose(world.commands[-1].positions, stuck, atol=1e-9)
    world.assert_within_limits()


def test_motion_resumes_without_a_jump():
    world = World()
    world.run_to(State.RUNNING)
    world.chunks = False
    world.run_to(State.HOLDING)
    world.step(150)
    world.chunks = True
    world.run_to(State.RUNNING)
    world.step(50)
    world.assert_within_limits()
    expected, _ = world.policy(np.array([(world.now + PERIOD) * 1e-9]))
    np.testing.assert_allclose(world.commands[-1].positions, expected[0], atol=2e-4)


def test_lost_joint_states_stop_within_their_timeout():
    world = World(joint_state_timeout=0.1)
    world.run_to(State.RUNNING)
    world.states = False
    lost = world.now
    world.run_to(State.BRAKING)
    assert (world.now - lost) * 1e-9 <= 0.12
    assert world.executor.supervisor.cause == "joint_states"
    world.run_to(State.HOLDING)
    world.states = True
    world.run_to(State.RUNNING)
    world.assert_within_limits()


def test_an_arm_that_is_moved_away_is_followed_not_pulled_back():
    """A simulator's reset, or a hand: the command goes to the new pose, then the policy takes over by its ramp."""
    world = World()
    world.run_to(State.RUNNING)
    world.position = MIDDLE - 0.9
    world.step()
    world.step()
    assert world.executor.supervisor.cause == "tracking_error"
    world.run_to(State.RUNNING)
    world.assert_within_limits()
    assert world.executor.supervisor.stops["tracking_error"] == 1


def test_the_e_stop_holds_until_reset_and_starts_with_the_long_ramp():
    world = World(start_ramp=1.0, resume_ramp=0.1)
    world.run_to(State.RUNNING)
    supervisor = world.executor.supervisor
    supervisor.press_estop(True)
    world.step(100)
    assert world.state is State.ESTOPPED and not world.commands[-1].base.any()
    held = world.commands[-1].positions
    world.step(100)
    np.testing.assert_array_equal(world.commands[-1].positions, held)
    supervisor.press_estop(False)
    supervisor.reset()
    assert world.run_to(State.RUNNING) >= 100
    world.assert_within_limits()


def test_a_stop_request_ends_at_rest_and_then_nothing_is_sent():
    world = World()
    world.run_to(State.RUNNING)
    world.step(50)
    world.executor.supervisor.request_stop()
    steps = world.run_to(State.STOPPED)
    assert steps * PERIOD * 1e-9 < 0.5
    last = world.commands[-1]
    assert not last.base.any() and not last.velocities.any()
    assert world.step() is None
    world.assert_within_limits()


def test_every_command_ends_with_the_way_to_rest():
    world = World()
    world.run_to(State.RUNNING)
    world.step(50)
    for command in world.commands:
        _, positions, velocities = command.motion
        needed = max((np.abs(velocities[-2]) / ACCELERATION).max(), 0.001)
        np.testing.assert_allclose(positions[-1], positions[-2] + 0.5 * velocities[-2] * needed, atol=1e-12)


def test_a_clock_that_jumps_back_drops_what_is_known_and_recovers():
    world = World()
    world.run_to(State.RUNNING)
    world.now -= 100_000 * MS
    world.states = world.chunks = False
    world.step(3)
    assert world.state is State.BRAKING and world.executor.clock_jumps == 1
    world.run_to(State.HOLDING)
    world.states = world.chunks = True
    world.run_to(State.RUNNING)
    world.assert_within_limits()


def test_a_clock_that_jumps_ahead_is_a_loss_of_everything():
    world = World()
    world.run_to(State.RUNNING)
    world.states = world.chunks = False
    world.now += 100_000 * MS
    world.step(2)
    assert world.state is State.BRAKING
    world.states = world.chunks = True
    world.run_to(State.RUNNING)
    world.assert_within_limits()


def test_after_a_jump_back_observations_are_timed_again():
    world = World()
    world.run_to(State.RUNNING)
    world.now -= 100_000 * MS
    world.run_to(State.BRAKING)
    world.run_to(State.RUNNING)
    world.executor.observation_to_command = fresh = Percentiles()
    world.step(50)
    assert np.median(fresh.values) == pytest.approx(0.06, abs=0.001)


def test_a_clock_that_is_set_back_a_little_does_not_throw_a_ramp_beyond_its_target():
    world = World(start_ramp=0.05)
    world.position = MIDDLE - 0.2
    world.run_to(State.RAMPING)
    start = world.commands[-1].positions
    world.now -= 40 * MS + PERIOD
    world.step()
    assert world.state is State.RAMPING and world.executor.clock_jumps == 0
    np.testing.assert_array_equal(world.commands[-1].positions, start)


def test_joint_states_that_name_a_joint_twice_never_start_the_arm():
    world = World()
    world.states = False
    names = [NAMES[1], *NAMES[1:]]  # as many as there are, and nothing of the first
    for _ in range(20):
        with pytest.raises(ObservationError, match="more than once"):
            world.executor.add_joint_states(world.now, names, MIDDLE.tolist())
        assert world.step() is None
    assert world.state is State.WAITING


@pytest.mark.parametrize("estop", [False, True])
def test_an_arm_outside_its_range_is_held_where_it_is_until_the_policy_is_followed(estop):
    world = World(start_ramp=2.0)
    world.chunks, world.position = False, MIDDLE.copy()
    world.position[2] = UPPER[2] + 0.1
    world.executor.supervisor.press_estop(estop)
    world.step(50)
    assert world.state is (State.ESTOPPED if estop else State.HOLDING)
    assert all(c.positions[2] == UPPER[2] + 0.1 and not c.velocities.any() for c in world.commands)
    world.chunks = True
    world.executor.supervisor.press_estop(False)
    world.executor.supervisor.reset()
    world.run_to(State.RUNNING)
    world.step(50)
    expected, _ = world.policy(np.array([(world.now + PERIOD) * 1e-9]))
    np.testing.assert_allclose(world.commands[-1].positions, expected[0], atol=2e-4)
    assert np.diff([c.positions[2] for c in world.commands[:80]]).max() <= 0.0, "it went further out"


def test_a_joint_that_is_measured_far_outside_its_range_moves_nothing():
    """An encoder that is not homed: before, the command went from there to the range at full speed."""
    world = World()
    world.states = False
    wrong = MIDDLE.copy()
    wrong[2] += 2.0 * np.pi
    for _ in range(50):
        with pytest.raises(ObservationError, match=f"far outside the joint's range: {NAMES[2]}"):
            world.executor.add_joint_states(world.now, NAMES, wrong.tolist())
        assert world.step() is None


def test_the_longest_stop_is_that_of_the_slowest_axis():
    arms = MotionExecutor(replace(ROBOT, base=None), NAMES).longest_stop
    assert arms == pytest.approx((VELOCITY / ACCELERATION).max())
    slow = replace(ROBOT.base, max_acceleration=np.array([0.1, 3.0, 6.0]))
    assert MotionExecutor(replace(ROBOT, base=slow), NAMES).longest_stop == pytest.approx(5.0, abs=0.02)
    gentle = replace(slow, max_jerk=np.array([0.2, 9.0, 9.0]))
    assert MotionExecutor(replace(ROBOT, base=gentle), NAMES).longest_stop == pytest.approx(6.0)


def largest_jerk(commands: list[Command]) -> float:
    """[rad/s^3] of the positions, and of the acceleration from one period to the next."""
    positions, velocities = (np.array([getattr(c, name) for c in commands]) for name in ("positions", "velocities"))
    period = PERIOD * 1e-9
    third, change = np.diff(positions, n=3, axis=0) / period**3, np.diff(velocities, n=2, axis=0) / period**2
    return max(float(np.abs(third).max()), float(np.abs(change).max()))


def test_with_a_limit_of_the_jerk_ramp_and_policy_keep_it_and_the_policy_is_followed_on_time():
    world, rough = World(GENTLE), World()
    for each in (world, rough):
        each.policy = lambda t: (MIDDLE + 0.2 * np.sin(2.0 * t[:, None]) + 0.05 * np.sign(np.sin(9.0 * t[:, None])), np.zeros((len(t), 3)))
        each.run_to(State.RUNNING)
        each.step(300)
    assert largest_jerk(world.commands) <= JERK * (1 + 1e-5) and largest_jerk(rough.commands) > 3.0 * JERK
    world.policy = type(world).policy.__get__(world)
    world.step(50)
    for _ in range(50):
        command = world.step()
        expected, _ = world.policy(np.array([(world.now + PERIOD) * 1e-9]))
        np.testing.assert_allclose(command.positions, expected[0], atol=4e-4)
    world.assert_within_limits()


def test_with_a_limit_of_the_jerk_a_stop_is_as_short_as_without():
    world = World(GENTLE)
    world.policy = lambda t: (MIDDLE + 0.5 * np.sin(3.0 * t[:, None]), np.zeros((len(t), 3)))
    world.run_to(State.RUNNING)
    world.step(100)
    while (limiter := world.executor.limiter).rate[0] < 1.0:
        world.step()
    periods = np.ceil((np.abs(limiter.rate[:J]) / (ACCELERATION * PERIOD * 1e-9)).max() - 1e-9)
    world.executor.supervisor.press_estop(True)
    world.step(int(periods))
    assert not limiter.rate.any()
    stopped, rates = limiter.value[:J].copy(), [limiter.rate[:J].copy()] * 2
    for _ in range(100):
        world.step()
        rates.append(limiter.rate[:J].copy())
    assert np.abs(limiter.value[:J] - stopped).max() > 0.005, "held is where the arm was measured, which lags"
    assert np.abs(np.diff(rates, n=2, axis=0)).max() <= JERK * (PERIOD * 1e-9) ** 2 * (1 + 1e-5)
    world.assert_within_limits()


def test_a_second_publisher_is_refused_and_counted():
    world = World()
    world.run_to(State.RUNNING)
    for _ in range(5):
        world.step(7)
        world.send_chunk(latency=40 * MS, source="another")
    world.step()
    assert world.executor.rejected == {"joints/other_publisher": 5, "base/other_publisher": 5}
    assert world.state is State.RUNNING


def test_a_restarted_policy_is_taken_over_after_the_silence_of_the_old_one():
    world = World()
    world.run_to(State.RUNNING)
    world.source = "restarted"
    world.step(30)
    world.run_to(State.RUNNING)
    assert world.executor.streams[JOINTS].guard.changes == 1
    world.assert_within_limits()


def test_news_of_a_dead_publisher_acts_at_once_and_the_next_chunk_ends_it():
    world = World()
    world.run_to(State.RUNNING)
    world.executor.publisher_lost(BASE)
    world.chunks = False
    world.step()
    assert world.state is State.BRAKING
    world.chunks = True
    world.run_to(State.RUNNING)


def test_a_flood_is_bounded_counted_and_survived():
    world = World()
    world.run_to(State.RUNNING)
    for _ in range(20):
        for k in range(200):
            world.send_chunk(latency=60 * MS - k)
        world.step()
    assert world.executor.rejected["joints/flood"] > 1000
    assert world.state is State.RUNNING
    world.assert_within_limits()


def test_a_robot_without_a_base_needs_no_base_chunks():
    executor = MotionExecutor(replace(ROBOT, base=None), NAMES, ExecutorSettings(start_ramp=0.0))
    now = 1_000_000 * MS
    for tick in range(50):
        now += PERIOD
        executor.add_joint_states(now, NAMES, MIDDLE.tolist())
        if tick % 5 == 0:
            executor.add_chunk(JOINTS, ActionChunk(now, DT, NAMES, np.tile(MIDDLE, (H, 1))))
        command = executor.tick(now)
    assert executor.supervisor.state is State.RUNNING
    assert command.base.shape == (0,)
    np.testing.assert_allclose(command.positions, MIDDLE)


def test_one_missing_stream_stops_both():
    world = World()
    world.run_to(State.RUNNING)
    world.chunks = False
    for _ in range(60):
        world.step(1)
        if world.ticks % 10 == 0:
            stamp = world.now - 60 * MS
            joints, _ = world.policy(stamp * 1e-9 + DT * np.arange(H))
            world.executor.add_chunk(JOINTS, ActionChunk(stamp, DT, NAMES, joints), world.source)
    assert world.state is State.HOLDING and not world.commands[-1].base.any()


@pytest.mark.parametrize(("seed", "robot"), [*((seed, ROBOT) for seed in range(4)), (0, GENTLE), (1, GENTLE)])
def test_random_faults_for_a_long_time_never_leave_the_envelope(seed, robot):
    """Five simulated minutes in all: everything above in random order, with targets far outside the limits."""
    rng = np.random.default_rng(seed)
    world = World(robot)
    supervisor = world.executor.supervisor
    quiet = world.policy
    reached = 0
    for _ in range(150):
        fault = rng.integers(9)
        world.chunks, world.states, world.blocked = fault != 0, fault != 1, fault == 2
        supervisor.press_estop(fault == 3)
        world.policy = quiet
        if fault == 4:
            world.policy = lambda t: (rng.uniform(-20, 20, (len(t), J)), rng.uniform(-9, 9, (len(t), 3)))
        elif fault == 5:
            world.now += int(rng.integers(-5000, 5000)) * MS
        elif fault == 6:
            world.source = float(rng.random())
        elif fault == 7:
            world.position = world.position + rng.uniform(-0.6, 0.6, J)
            world.position = np.clip(world.position, LOWER, UPPER)
        elif fault == 8:
            supervisor.reset()
        world.step(int(rng.integers(1, 100)))
        reached += world.state is State.RUNNING
    assert reached > 5, "the faults left no time to move; the test shows nothing"
    world.assert_within_limits()


@pytest.mark.parametrize(("seed", "robot"), [*((seed, ROBOT) for seed in range(4)), (0, GENTLE), (1, GENTLE)])
def test_whatever_happens_each_command_goes_on_from_the_one_before_within_the_limits(seed, robot):
    """Chunks that lead anywhere, stalls, losses, e-stops, stops and clocks that jump, in any order."""
    rng = np.random.default_rng(seed)
    world = World(robot, tracking_error_limit=float(rng.choice([0.1, 0.5, 3.0])), resume_ramp=float(rng.choice([0.0, 0.2])))
    executor, supervisor = world.executor, world.executor.supervisor
    ends, phase, speed = np.where(rng.random(J) < 0.5, LOWER - 1.0, UPPER + 1.0), rng.uniform(0.0, 6.0, J), rng.uniform(0.3, 6.0)
    world.policy = lambda t: (np.where(np.sin(speed * t[:, None] + phase) > 0.0, ends, MIDDLE), rng.uniform(-3.0, 3.0, (len(t), 3)))
    moved = 0
    for _ in range(800):
        event = rng.choice(["", "press", "reset", "stop", "lost", "chunks", "states", "clock"], p=[0.955, 0.005, 0.015, *[0.005] * 5])
        if event in ("press", "reset"):
            supervisor.press_estop(bool(event == "press"))
            supervisor.reset()
        elif event == "stop":
            supervisor.request_stop()
        elif event == "lost":
            executor.publisher_lost(JOINTS)
        elif event == "clock":
            world.now += int(rng.choice([-1, 1]) * 10 ** rng.uniform(6, 10))
        world.chunks = bool(rng.random() < 0.1) if event == "chunks" else world.chunks or bool(rng.random() < 0.05)
        world.states = False if event == "states" else world.states or bool(rng.random() < 0.05)
        command = world.step(skipped=int(rng.integers(1, 25)) if rng.random() < 0.05 else 0)
        if command is None:
            world.assert_within_limits()
            world.commands, world.times = [], []
            if world.state is State.STOPPED:
                executor.restart()
        else:
            moved += command.velocities.any()
    world.assert_within_limits()
    assert executor.supervisor.stops and moved > 50, "nothing happened"


def test_a_robot_that_stands_is_told_its_pose_until_it_was_sent():
    """The first message of a process takes long to make, and is then too late."""
    world = World()
    world.chunks = False
    world.run_to(State.HOLDING)
    for _ in range(3):
        assert "arm_controller" in world.commands[-1].trajectories
        world.executor.withdraw("arm_controller")
        world.step()
    told = world.commands[-1].trajectories["arm_controller"]
    assert np.abs(told.positions - MIDDLE).max() < 0.01
    assert "arm_controller" not in world.step().trajectories, "once is enough"


def test_a_seam_is_how_far_the_target_jumps_where_a_chunk_can_change_it_first():
    world = World()
    world.run_to(State.RUNNING)
    world.step(40)
    quiet = world.executor.seams.values
    assert len(quiet) >= 4 and quiet.max() < 2e-3, "chunks of one motion, but for the lines between its steps"
    policy, shift = world.policy, np.zeros(J)
    shift[3] = 0.1
    world.policy = lambda t: (policy(t)[0] + shift, policy(t)[1])
    count = len(quiet)
    while len(world.executor.seams.values) == count:
        world.step()
    assert world.executor.seams.values.max() == pytest.approx(0.1, abs=2e-3)
    assert world.state is State.RUNNING
    world.executor.supervisor.press_estop(True)
    world.step(30)
    assert len(world.executor.seams.values) == count + 1, "what is not followed has no seams"


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.02), (64, 0.1)])
@pytest.mark.parametrize("method", METHODS)
def test_chunks_of_any_horizon_are_followed_and_the_last_one_until_it_ends(method: str, num_steps: int, dt: float):
    """Longer than 64 chunks of 0.1 s: the oldest make room."""
    ensemble = EnsembleSettings(method=method)
    world = World(dt=dt, num_steps=num_steps, chunk_timeout=10.0, joints=ensemble, base=ensemble)
    world.run_to(State.RUNNING)
    world.step(30 if num_steps * dt < 1.0 else 700)
    assert world.state is State.RUNNING and not world.executor.rejected
    motion = world.commands[-1].motion
    ahead = 1e-9 * int(motion.times[0])
    np.testing.assert_allclose(motion.positions[0], world.policy(np.array([ahead]))[0][0], atol=0.02)  # lines between its steps
    world.chunks, begin = False, world.now
    world.run_to(State.BRAKING, limit=800)
    left = (num_steps - 1) * dt - 0.06  # [s] of a chunk when it comes
    assert left - 0.3 <= (world.now - begin) * 1e-9 <= left
    world.assert_within_limits()
