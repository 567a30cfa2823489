"""From chunks and measurements to one safe command per control period; knows neither ROS nor threads' scheduling.

Callbacks of any thread hand in chunks and requests; they only append to a queue or write a value. Everything else happens in
`tick`, which one thread calls once per period, after it has handed in the joint states:

    queue of chunks -> ensembles -> target at now -> supervisor (follow, or stop) -> ramp -> limiters -> Command
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import CLOCK_TOLERANCE
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.clearance import ClearanceGuard, way_to_rest
from neon_control.core.control.ensemble import Ensemble, EnsembleSettings
from neon_control.core.control.limits import RestPath, envelope
from neon_control.core.control.sources import SourceGuard
from neon_control.core.control.supervisor import FOLLOWING, Conditions, State, Supervisor
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.sensing.measured import MeasuredJoints, in_words
from neon_control.core.sensing.witnesses import Witnesses

QUEUE = 32  # chunks waiting for the next tick; a flood pushes its own oldest out


@dataclass(frozen=True)
class ExecutorSettings:
    """Settings of `MotionExecutor`."""

    FURTHER_FIELDS: ClassVar[bool] = True

    rate_hz: float = setting(100.0, "control rate", unit="Hz", minimum=20.0, maximum=500.0)
    chunk_steps: int = setting(16, "steps of a chunk; chunks of another length are refused", minimum=2, maximum=1000)
    chunk_timeout: float = setting(0.3, "stop when the newest chunk's observation is older", unit="s", minimum=0.01, maximum=10.0)
    joint_state_timeout: float = setting(0.2, "stop when a joint's measurement is older", unit="s", minimum=0.005, maximum=10.0)
    tracking_error_limit: float = setting(
        0.5, "stop when measured and commanded position of a joint lie further apart", unit="rad", minimum=0.001
    )
    action_latency: float = setting(0.0, "look ahead by the delay of the actuators", unit="s", minimum=0.0, maximum=1.0)
    start_ramp: float = setting(2.0, "time from the measured pose to the policy's at the first start", unit="s", minimum=0.0, maximum=60.0)
    resume_ramp: float = setting(0.5, "the same after a stop", unit="s", minimum=0.0, maximum=60.0)
    joints: EnsembleSettings = field(default_factory=EnsembleSettings)
    base: EnsembleSettings = field(default_factory=EnsembleSettings)


@dataclass(frozen=True)
class Command:
    """What is sent in one period."""

    positions: np.ndarray  # (J,) [rad]
    velocities: np.ndarray  # (J,) [rad/s]
    rest: RestPath  # of the joints, from `positions` on, if no further command follows
    base: np.ndarray  # (3,) [m/s, m/s, rad/s], (0,) on a robot without a base


@dataclass
class _Stream:
    """One of the two chunk streams."""

    name: str
    ensemble: Ensemble
    guard: SourceGuard
    lost: bool = False  # the middleware says that the publisher is gone
    accepted: int = 0


class MotionExecutor:
    """See the module's text.

    Args:
        robot: limits come from here.
        joint_names: the J joints that are commanded, in action order.
        supervisor: that of the robot, whose e-stop outlives this object; by default a new one.
        witnesses: who decides which measurements can be true; None: one driver, which is always right.

    Raises:
        ConfigError: a joint has no limits, or limits contradict each other.
    """

    def __init__(
        self,
        robot: Robot,
        joint_names: tuple[str, ...],
        settings: ExecutorSettings | None = None,
        supervisor: Supervisor | None = None,
        witnesses: Witnesses | None = None,
    ) -> None:
        self.settings = settings or ExecutorSettings()
        self.period = 1.0 / self.settings.rate_hz
        self.joint_names = joint_names
        tolerance = self.settings.tracking_error_limit  # no command could come nearer to a joint that is further out
        self.measured = MeasuredJoints(
            joint_names, robot.limits(joint_names, "lower") - tolerance, robot.limits(joint_names, "upper") + tolerance, witnesses
        )
        self.supervisor = supervisor or Supervisor()
        self.limiter = envelope(robot, joint_names, self.period)
        self.guard = None if robot.clearance is None else ClearanceGuard(robot, joint_names, self.period)
        self._joints = slice(0, len(joint_names))  # the command's axes: joints, then base
        trajectory_joints = {
            name for controller in robot.controllers if controller.type == "joint_trajectory" for name in controller.joints
        }
        self._brake_alone = np.array([name in trajectory_joints for name in joint_names])  # (J,) whose controller is told the point of rest
        self.streams = {JOINTS: self._stream(JOINTS, len(joint_names), self.settings.joints)}
        if robot.base is not None:
            self.streams[BASE] = self._stream(BASE, len(BASE_AXES), self.settings.base)
        self.rejected: Counter[str] = Counter()  # "stream/reason" -> how many
        self.clock_jumps = 0
        self.observation_to_command = Percentiles()  # [s] age of an observation when its first command is made
        self.chunk_age = math.nan  # [s] age of the newest observation in use
        self.listened = True  # whether every controller listens to its commands; told by who sends them
        self._latest_used = 0  # [ns] newest observation that has led to a command
        self._queue: deque[tuple[str, ActionChunk, object]] = deque(maxlen=QUEUE)
        self.restart()

    def _stream(self, name: str, dim: int, ensemble: EnsembleSettings) -> _Stream:
        return _Stream(name, Ensemble(self.settings.chunk_steps, dim, ensemble), SourceGuard(self.settings.chunk_timeout))

    def restart(self) -> None:
        """Begin anew (activation): nothing received, nothing commanded."""
        self.supervisor.restart()
        self._forget()
        if self.guard is not None:
            self.guard.forget()
        self._now = 0
        self._ramp, self._ramp_from = 0.0, 0  # [s], [ns] instant at which it began
        self._started = False
        self._settled = False  # after a stop: at rest, and the pose to hold is taken
        self._rest = np.zeros(len(self.limiter.names))  # (J + 3,) where a ramp begins, or what is held: a pose, and a standing base

    # --- called from other threads ---

    def add_chunk(self, stream: str, chunk: ActionChunk, source: object = None) -> None:
        """Queue a stream's chunk for the next tick."""
        if len(self._queue) == QUEUE:
            self.reject(stream, "flood")
        self._queue.append((stream, chunk, source))

    def reject(self, stream: str, reason: str) -> None:
        """Count a chunk that was refused before it came here."""
        self.rejected[f"{stream}/{reason}"] += 1

    @property
    def longest_stop(self) -> float:
        """[s] from full speed to rest, of the axis that needs longest."""
        limiter, count = self.limiter, len(self.joint_names)
        rate_to_zero = limiter.max_rate / limiter.max_change
        base = limiter.upper[count:] / limiter.max_rate[count:] + 2.0 * rate_to_zero[count:]  # its value is the speed; jerk both ways
        return float(max(rate_to_zero[:count].max(), base.max(initial=0.0)))

    def add_joint_states(
        self, stamp: int, names: Sequence[str], positions: Sequence[float] | np.ndarray, source: object = None, arrival: int | None = None
    ) -> None:
        """Take measured positions [rad]; arguments and errors as of `MeasuredJoints.update`."""
        self.measured.update(stamp, names, positions, source, arrival)

    def publisher_lost(self, stream: str) -> None:
        """The middleware reports that a stream's publisher is gone or overdue; the next chunk ends this."""
        self.streams[stream].lost = True

    def missing_joints(self) -> list[str]:
        """Joints without a fresh measurement, as of the last tick."""
        return self.measured.stale(self._now, self.settings.joint_state_timeout)

    def why_missing(self) -> str:
        """The same joints with the reasons, in one line."""
        return in_words(self.measured.explain(self._now, self.settings.joint_state_timeout))

    # --- the control thread ---

    def tick(self, now: int, skipped: int = 0) -> Command | None:
        """One control period at `now` [ns, clock of the stamps]; None when nothing is to be sent.

        Args:
            now: [ns] the clock of the stamps.
            skipped: periods since the last one in which nothing was sent. The trajectory controllers have braked meanwhile, as the last
                command told them to, so the next one continues from there; otherwise it would pull the arm back.
        """
        if skipped:
            self.limiter.coast(self._joints, skipped * self.period, self._brake_alone)
        if now < self._now - CLOCK_TOLERANCE * 1e9:
            self.clock_jumps += 1
            self._forget()
        self._now = now
        self._take_chunks(now)
        instant = now + round(self.settings.action_latency * 1e9)
        targets = {name: stream.ensemble.evaluate(instant) for name, stream in self.streams.items()}
        before = self.supervisor.state
        if self.supervisor.update(self._conditions(now, targets)):
            self._enter(self.supervisor.state, before, now)
        state = self.supervisor.state
        if state is State.WAITING or (before in (State.WAITING, State.STOPPED) and state is State.STOPPED):
            return None
        if state in FOLLOWING:
            self._follow(targets, now)
        else:
            self._stop(now)
        values, joints = self.limiter.value, self._joints
        return Command(values[joints], self.limiter.rate[joints], self.limiter.rest_path(joints), values[len(self.joint_names) :])

    def _take_chunks(self, now: int) -> None:
        look_ahead = round(self.settings.action_latency * 1e9)
        while self._queue:
            name, chunk, source = self._queue.popleft()
            stream = self.streams[name]
            try:
                if stream.guard.accept(source, now):
                    stream.ensemble.clear()
                stream.ensemble.add(chunk, now + look_ahead, look_ahead)
            except ChunkError as error:
                self.reject(name, error.reason)
            else:
                stream.accepted += 1
                stream.lost = False

    def _conditions(self, now: int, targets: dict[str, np.ndarray | None]) -> Conditions:
        newest = [s.ensemble.newest_stamp for s in self.streams.values()]
        ages = [math.inf if stamp is None else (now - stamp) * 1e-9 for stamp in newest]
        self.chunk_age = max(ages)
        alive = not any(s.lost for s in self.streams.values())
        measured = self.measured.is_fresh(now, self.settings.joint_state_timeout)
        value, rate, joints = self.limiter.value, self.limiter.rate, self._joints
        error = np.abs(value[joints] - self.measured.positions).max() if measured else 0.0
        return Conditions(
            joints_fresh=measured,
            chunks_fresh=alive and self.chunk_age <= self.settings.chunk_timeout and all(t is not None for t in targets.values()),
            tracking=bool(error <= self.settings.tracking_error_limit),
            at_rest=not rate.any() and not value[len(self.joint_names) :].any(),
            ramp_over=now - self._ramp_from >= self._ramp * 1e9,
            listened=self.listened,
            apart=self.guard is None or self._is_apart(self.guard, targets[JOINTS]),
        )

    def _is_apart(self, guard: ClearanceGuard, target: np.ndarray | None) -> bool:
        if self.supervisor.state is State.HOLDING and target is not None:
            return guard.may_follow(self.limiter.value[self._joints], target)
        return guard.cause is None

    def _enter(self, state: State, before: State, now: int) -> None:
        if before is State.WAITING and state is State.HOLDING:
            self._rest[self._joints] = self.measured.positions
            self.limiter.anchor(self._rest)
            self._settled = True
        elif state is State.RAMPING:
            self._rest[self._joints] = self.limiter.value[self._joints]
            self._ramp = self.settings.resume_ramp if self._started else self.settings.start_ramp
            self._ramp_from, self._started = now, True
        elif before in FOLLOWING and state not in FOLLOWING:
            self._settled = False
        if state is State.ESTOPPED:
            self._started = False  # the next start is a first start, with the long ramp

    def _follow(self, targets: dict[str, np.ndarray | None], now: int) -> None:
        """All targets exist in a following state: `chunks_fresh` is a condition of it."""
        target = np.concatenate([t for t in targets.values() if t is not None])  # (J + 3,)
        if self.supervisor.state is State.RAMPING:
            target = self._rest + _smooth((now - self._ramp_from) * 1e-9, self._ramp) * (target - self._rest)
        self._step_apart(target)
        newest = self.streams[JOINTS].ensemble.newest_stamp or 0
        if newest > self._latest_used:
            self._latest_used = newest
            self.observation_to_command.add((now - newest) * 1e-9)

    def _step_apart(self, target: np.ndarray) -> None:
        """One step of the limiter, or, where that would lead too near to something, the first one of the stop that follows."""
        guard, limiter, joints = self.guard, self.limiter, self._joints
        if guard is None:
            limiter.step(target)
            return
        limiter.allowed_rate = limiter.max_rate.copy()
        limiter.allowed_rate[joints] = guard.velocity
        before = limiter.state()
        limiter.step(target)
        rate = limiter.rate[joints]
        if not guard.allows(way_to_rest(before[0][joints], limiter.value[joints], rate, limiter.max_change[joints]), rate):
            limiter.restore(before)
            limiter.step(target, braking=joints)

    def _stop(self, now: int) -> None:
        measured, joints = self.measured.is_fresh(now, self.settings.joint_state_timeout), self._joints
        if self._settled:
            if measured and np.abs(self.measured.positions - self._rest[joints]).max() > self.settings.tracking_error_limit:
                self._rest[joints] = self.measured.positions  # moved by force, or reset: give way instead of pulling back
            self.limiter.step(self._rest, braking=self.limiter.outside)  # who stands outside of the range is not moved while he should rest
            return
        self.limiter.step(self._rest, braking=joints)
        if not self.limiter.rate[joints].any():
            self._settled = True
            self._rest[joints] = self.measured.positions if measured else self.limiter.value[joints]

    def _forget(self) -> None:
        """Drop what was received: it belongs to another time."""
        self._queue.clear()
        self._latest_used = 0
        self.measured.forget()
        for stream in self.streams.values():
            stream.ensemble.clear()
            stream.guard.release()


def _smooth(elapsed: float, duration: float) -> float:
    """0 to 1 over `duration` [s], starting and ending at rest."""
    x = min(1.0, max(0.0, elapsed / duration)) if duration > 0.0 else 1.0  # a clock may be set back a little
    return x * x * (3.0 - 2.0 * x)
