"""An executor, one trajectory controller and its motors in virtual time: what do the joints do?

Three clocks run independently: the executor's periods, its messages on their way, and the controller's cycles. Both sides begin at a random
phase. With jitter j each wake-up of the executor is late by U(0, j), its message arrives U(0, j) after that, and each cycle of the
controller is late by U(0, j), independently. The executor's thread is held up while it sends, and skips periods as `Pacer` does; a
cycle that would begin before a quarter of a period has passed since the last one is left out.

Motors hold a set point until the next cycle. A perfect one is there at once; one with a lag T follows q' = (set point - q) / T, which
is integrated exactly. They measure position and velocity.

How the figures are made. At cycle k, at the real time t_k, the set point x_k is commanded. Joints are read then, too: q_k just after
the command, so that a perfect motor's joint is x_k. For x and for q alike, per joint,

    v_k = (x_k+1 - x_k) / (t_k+1 - t_k)                     over the velocity limit
    a_k = (v_k - v_k-1) / ((t_k+1 - t_k-1) / 2)             over the acceleration limit

Times are those at which the cycles really began, so that jitter alone is no motion: where the set points lie on one curve, these divided
differences never exceed that curve's own velocity and acceleration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import JOINTS, ActionChunk
from neon_control.core.control.command import Command
from neon_control.core.control.controllers import CommandError, JointTrajectoryController
from neon_control.core.control.executor import MotionExecutor
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.limits import Limiter
from neon_control.core.control.supervisor import FOLLOWING
from neon_control.core.robot.robot_file import load_robot

ROBOT = replace(load_robot("g1.yaml"), base=None)
NAMES = ROBOT.parts["arms"]
(CONTROLLER,) = (c.name for c in ROBOT.controllers if set(c.joints) == set(NAMES))
LOWER, UPPER = ROBOT.limits(NAMES, "safe_lower"), ROBOT.limits(NAMES, "safe_upper")
VELOCITY, ACCELERATION = ROBOT.limits(NAMES, "max_velocity"), ROBOT.limits(NAMES, "max_acceleration")
MIDDLE = 0.5 * (LOWER + UPPER)
TARGET_VELOCITY, TARGET_ACCELERATION = 1.05, 2.0  # times a joint's limits
BEGIN = 1_000_000 * NANOSECONDS  # [ns] no clock of a robot is near 0
KNOTS = 1e-3  # [s] of `limited`
STEPS, DT, CHUNK_PERIOD = 16, 0.02, 0.1  # of a chunk, [s], [s] between two

Message = tuple[int, np.ndarray, np.ndarray, np.ndarray]  # stamp [ns], offsets (H,) [s], positions (H, J) [rad], velocities (H, J) [rad/s]
Plan = Callable[[np.ndarray], np.ndarray]  # (H,) [s] since the begin -> (H, J) [rad]


def message(command: Command) -> Message | None:
    """What `nodes/outputs.py` sends for a command; the only place here that knows the form of a message."""
    motion = command.trajectories.get(CONTROLLER)
    if motion is None:
        return None
    return int(motion.times[0]), (motion.times - motion.times[0]) / NANOSECONDS, motion.positions, motion.velocities


def demanding(seconds: np.ndarray) -> np.ndarray:
    """Targets that keep the joints at their limits: sines that ask for 1.33 times the velocity limit, then steps of 60 % of the range."""
    span = UPPER - LOWER
    phase = VELOCITY / (0.3 * span) * seconds[:, None] + np.arange(len(NAMES))  # (H, J) [rad]
    return np.where(seconds[:, None] < 2.5, MIDDLE + 0.4 * span * np.sin(phase), MIDDLE + 0.3 * span * np.sign(np.sin(0.7 * phase)))


def far_away(seconds: np.ndarray) -> np.ndarray:
    """A target that stands 1 rad from where the joints stand, or as far as their range allows."""
    return np.tile(np.minimum(MIDDLE + 1.0, UPPER), (len(seconds), 1))


@dataclass(frozen=True)
class Cell:
    """One combination of the sweep."""

    executor_hz: int
    controller_hz: int
    from_desired_state: bool = False
    lag: float = 0.0  # [s]
    jitter: float = 0.0  # [s]


@dataclass
class Figures:
    """Worst velocity and worst acceleration as multiples of the joints' limits."""

    set_points: tuple[float, float]
    joints: tuple[float, float]
    braking: float  # worst acceleration of the set points after the last message
    rest: float  # [rad/s] fastest joint at the end
    refused: int  # messages, by the controller
    following: float  # share of the executor's ticks before it died in which it followed the plan


@dataclass
class Run:
    """See the module's text.

    Args:
        cell: rates, motors, jitter.
        plan: targets.
        start_ramp: [s] of the executor.
        activation: [s] when the controller is activated.
        death: [s] when the executor dies: no further message.
    """

    cell: Cell
    plan: Plan = demanding
    start_ramp: float = 0.2
    activation: float = 0.0
    death: float = 5.0
    seed: int = 0
    cycles: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)  # [ns], set points and joints (J,) [rad]

    def __post_init__(self) -> None:
        cell = self.cell
        seed = [self.seed, cell.executor_hz, cell.controller_hz, round(1e3 * cell.jitter)]  # all motors and modes see the same events
        self.sender, self.receiver = (np.random.default_rng([*seed, side]) for side in range(2))
        settings = ExecutorSettings(rate_hz=cell.executor_hz, start_ramp=self.start_ramp, chunk_steps=STEPS)
        self.executor = MotionExecutor(ROBOT, NAMES, settings)
        self.controller = JointTrajectoryController(NAMES, from_desired_state=cell.from_desired_state, period=1.0 / cell.controller_hz)
        self.joints, self.velocities = MIDDLE.copy(), np.zeros(len(NAMES))
        self.refused = self.ticks = self.followed = 0
        self.next_chunk, self.last_arrival = BEGIN, 0
        self.executor_period, self.controller_period = (round(NANOSECONDS / hz) for hz in (cell.executor_hz, cell.controller_hz))

    def late(self, random: np.random.Generator) -> int:
        """[ns] of one jittered event."""
        return round(random.uniform(0.0, self.cell.jitter) * NANOSECONDS)

    def figures(self) -> Figures:
        """Run, and judge."""
        self.play()
        times, set_points, joints = (np.array(column) for column in zip(*self.cycles, strict=True))
        over_limits = [judge(times, x) for x in (set_points, joints)]
        after = np.searchsorted(times, self.last_arrival + 2 * self.executor_period + self.controller_period)
        rest = np.abs((joints[-1] - joints[-2]) / (times[-1] - times[-2]) * NANOSECONDS).max()
        braking = judge(times[after:], set_points[after:])[1]
        return Figures(over_limits[0], over_limits[1], braking, float(rest), self.refused, self.followed / self.ticks)

    def play(self) -> None:
        """All events in the order of their times, until 1.5 s after the executor's death."""
        death, end = BEGIN + round(self.death * NANOSECONDS), BEGIN + round((self.death + 1.5) * NANOSECONDS)
        deadline = BEGIN + round(self.sender.uniform(0.0, self.executor_period))
        first_cycle = BEGIN + round(self.receiver.uniform(0.0, self.controller_period))
        wake, arrival, cycle, count, skipped = deadline + self.late(self.sender), end, first_cycle, 0, 0
        under_way: Message | None = None
        while (now := min(wake, arrival, cycle)) < end:
            if now == cycle:
                self.cycle(now)
                while cycle < now + self.controller_period // 4:
                    count += 1
                    cycle = first_cycle + count * self.controller_period + self.late(self.receiver)
            elif now == arrival:
                self.deliver(now, under_way)
                deadline += self.executor_period
                missed = max(0, -((deadline - now) // self.executor_period))  # its thread was held up until now
                deadline += missed * self.executor_period
                wake, arrival = max(now, deadline + self.late(self.sender)), end
                passed = max(0, (wake - deadline) // self.executor_period)
                deadline, skipped = deadline + passed * self.executor_period, missed + passed
                if wake >= death:
                    wake = end
            else:
                under_way = self.tick(now, skipped)
                wake, arrival = end, now + self.late(self.sender)

    def tick(self, now: int, skipped: int) -> Message | None:
        """One period of the executor, with the newest measurement and chunk."""
        if now >= self.next_chunk:
            plan = self.plan((now - BEGIN) / NANOSECONDS + DT * np.arange(STEPS))
            self.executor.add_chunk(JOINTS, ActionChunk(now, DT, NAMES, plan), "policy")
            self.next_chunk += round(CHUNK_PERIOD * NANOSECONDS)
        if self.cycles:
            self.executor.add_joint_states(self.cycles[-1][0], NAMES, self.joints)
        command = self.executor.tick(now)
        self.ticks += 1
        self.followed += self.executor.supervisor.state in FOLLOWING
        return None if command is None else message(command)

    def deliver(self, now: int, sent: Message | None) -> None:
        """A message arrives at the controller."""
        if sent is None:
            return
        stamp, offsets, positions, velocities = sent
        try:
            self.controller.accept(now, stamp, NAMES, offsets, positions, velocities)
            self.last_arrival = now
        except CommandError:
            self.refused += 1

    def cycle(self, now: int) -> None:
        """One cycle of the controller: joints have followed the set point before until now, and get a new one."""
        lag = self.cell.lag
        before, set_points, joints = self.cycles[-1] if self.cycles else (now - self.controller_period, self.joints, self.joints)
        if lag:
            self.joints = set_points + (joints - set_points) * math.exp(-(now - before) / NANOSECONDS / lag)
            self.velocities = (set_points - self.joints) / lag
        if not self.controller.active and now >= BEGIN + round(self.activation * NANOSECONDS):
            self.controller.activate(self.joints)
        commanded = self.controller.update(now, self.joints, self.velocities)
        set_points = self.joints if commanded is None else commanded
        if not lag:
            self.velocities = (set_points - self.joints) / (now - before) * NANOSECONDS
            self.joints = set_points
        self.cycles.append((now, set_points, self.joints))


def judge(times: np.ndarray, positions: np.ndarray) -> tuple[float, float]:
    """Worst velocity and acceleration of (K, J) positions [rad] at times (K,) [ns], over the limits, as the module's text defines them."""
    seconds = (times - times[0]) / NANOSECONDS
    velocity = np.diff(positions, axis=0) / np.diff(seconds)[:, None]
    acceleration = np.diff(velocity, axis=0) / (0.5 * (seconds[2:] - seconds[:-2]))[:, None]
    return float((np.abs(velocity) / VELOCITY).max()), float((np.abs(acceleration) / ACCELERATION).max())


@cache
def limited(plan: Plan, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and positions (K, J), one row each `KNOTS`, that follow `plan` within the limits; constant acceleration in between."""
    limiter = Limiter(NAMES, LOWER, UPPER, VELOCITY, ACCELERATION, KNOTS)
    limiter.anchor(MIDDLE)
    rates = [np.zeros(len(NAMES))]
    for target in plan(KNOTS * np.arange(round(seconds / KNOTS))):
        limiter.step(target)
        rates.append(limiter.rate)
    rate = np.array(rates)
    return rate, MIDDLE + np.vstack([np.zeros(len(NAMES)), np.cumsum(0.5 * KNOTS * (rate[1:] + rate[:-1]), axis=0)])


class OneMotion:
    """In the controller's place: samples one motion that keeps the limits exactly, whatever the cycle: what no message can improve on."""

    active = True

    def __init__(self, period: float, plan: Plan, seconds: float) -> None:
        self.ahead = round(period * NANOSECONDS)
        self.rates, self.positions = limited(plan, seconds)

    def at(self, instant: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions [rad] and velocities [rad/s] (J,) at `instant` [ns]."""
        elapsed = (instant - BEGIN) / NANOSECONDS
        k = min(int(elapsed / KNOTS), len(self.rates) - 2)
        share = min(elapsed / KNOTS - k, 1.0)
        change = share * (self.rates[k + 1] - self.rates[k])
        return self.positions[k] + share * KNOTS * (self.rates[k] + 0.5 * change), self.rates[k] + change

    def update(self, now: int, *_: object) -> np.ndarray:
        """The set point (J,) [rad] of the cycle at `now` [ns]."""
        return self.at(now + self.ahead)[0]


@dataclass
class Floor(Run):
    """What the same motors do behind the same cycles, when all set points lie on one motion within the limits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.controller = OneMotion(1.0 / self.cell.controller_hz, self.plan, self.death + 2.0)

    def tick(self, now: int, skipped: int) -> None:
        """Nothing is sent."""
        self.ticks += 1
