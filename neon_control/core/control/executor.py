"""From chunks and measurements to one safe command per control period; knows neither ROS nor threads' scheduling.

Callbacks of any thread hand in chunks and requests; they only append to a queue or write a value. Everything else happens in
`tick`, which one thread calls once per period, after it has handed in the joint states:

    queue of chunks -> ensembles -> target -> supervisor (follow, or stop) -> ramp -> limiters -> motion -> Command

What is decided for the joints becomes due `command_lead` and one period later (see `promise.py`), so their target is the one of that
instant, and the plan is followed without lag. The base acts at once, and gets the target of now.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import CLOCK_TOLERANCE, NANOSECONDS
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.clearance import ClearanceGuard, way_to_rest
from neon_control.core.control.ensemble import Ensemble, EnsembleSettings
from neon_control.core.control.joining import Joining
from neon_control.core.control.limits import envelope
from neon_control.core.control.promise import Motion, Promise
from neon_control.core.control.sources import SourceGuard
from neon_control.core.control.supervisor import FOLLOWING, Conditions, State, Supervisor
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.sensing.measured import MeasuredJoints, in_words
from neon_control.core.sensing.witnesses import Witnesses

MOST_STEPS = 8  # of the joints in one tick, to make up for periods that were missed
_NONE = slice(0, 0)
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
    following_limit: float = setting(
        0.05,
        "while holding and ramping, begin anew at the measured pose when a joint has not followed by more; 0: do not watch",
        unit="rad",
        minimum=0.0,
    )
    command_lead: float = setting(
        0.03,
        "how far ahead joints are commanded; at least the jitter of both clocks and the controllers' period",
        unit="s",
        minimum=0.005,
        maximum=0.5,
    )
    action_latency: float = setting(0.0, "look ahead by the delay of the actuators", unit="s", minimum=0.0, maximum=1.0)
    start_ramp: float = setting(2.0, "time from the measured pose to the policy's at the first start", unit="s", minimum=0.0, maximum=60.0)
    resume_ramp: float = setting(0.5, "the same after a stop", unit="s", minimum=0.0, maximum=60.0)
    joints: EnsembleSettings = field(default_factory=EnsembleSettings)
    base: EnsembleSettings = field(default_factory=EnsembleSettings)


@dataclass(frozen=True)
class Command:
    """What is sent in one period. All of it was right at the time of the tick; after `latest` it is to be withdrawn, and made anew."""

    due: int  # [ns] one period after the tick
    motion: Motion  # of all J joints, past and to come, and at rest at its end
    trajectories: Mapping[str, Motion]  # controller -> what it is sent; those not named are sent nothing
    base: np.ndarray  # (3,) [m/s, m/s, rad/s], (0,) on a robot without a base
    splice: int  # [ns] from when on `motion` says something new
    latest: int  # [ns] until when it may be sent

    @cached_property
    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the motion is when it is due: positions [rad], velocities [rad/s] (J,). Worked out for those who ask."""
        return self.motion.at(self.due)

    @property
    def positions(self) -> np.ndarray:
        """(J,) [rad] due one period after the tick."""
        return self.state[0]

    @property
    def velocities(self) -> np.ndarray:
        """(J,) [rad/s] at the same instant."""
        return self.state[1]


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
        stepped_clock: the clock is a simulation's, and may come in steps of several periods.

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
        stepped_clock: bool = False,
    ) -> None:
        self.settings = settings or ExecutorSettings()
        self.period = 1.0 / self.settings.rate_hz
        self._step = round(NANOSECONDS / self.settings.rate_hz)  # [ns]
        self._least_lead, self._stepped = round(self.settings.command_lead * NANOSECONDS), stepped_clock
        self._latency = round(self.settings.action_latency * NANOSECONDS)
        self._ahead = self._latency + self._step // 2  # [ns] by which targets of joints are early: the limiter follows their middle
        self.joint_names = joint_names
        tolerance = self.settings.tracking_error_limit  # no command could come nearer to a joint that is further out
        self.measured = MeasuredJoints(
            joint_names, robot.limits(joint_names, "lower") - tolerance, robot.limits(joint_names, "upper") + tolerance, witnesses
        )
        self.supervisor = supervisor or Supervisor()
        self.limiter = envelope(robot, joint_names, self.period)
        self.guard = None if robot.clearance is None else ClearanceGuard(robot, joint_names, self.period)
        self._joints, self._base = slice(0, len(joint_names)), slice(len(joint_names), None)  # the command's axes
        self.joining = Joining(robot, joint_names, self.settings.following_limit)
        self.promise = Promise(self.joining.columns, len(joint_names))
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
        self._lead = self._least_lead  # [ns]
        self._begun = False  # whether the joints have a motion
        self._ramp, self._ramp_from = 0.0, 0  # [s], [ns] instant at which it began
        self._ramp_waits = False  # until the controllers have been seen to follow
        self._left = 0  # [ns] when the policy was last followed
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

    def tick(self, now: int) -> Command | None:
        """One control period at `now` [ns, clock of the stamps]; None when nothing is to be sent.

        What it returns counts as sent before the next tick, unless `withdraw` says otherwise.
        """
        self._watch_clock(now)
        self._take_chunks(now)
        due = [self.promise.end + (k + 1) * self._step for k in range(self._continue(now))]  # (N,) [ns] instants to decide on
        instants = {JOINTS: (due[-1] if due else max(self.promise.end, now)) + self._ahead, BASE: now + self._latency}
        targets = {name: stream.ensemble.evaluate(instants[name]) for name, stream in self.streams.items()}
        before = self.supervisor.state
        if self.supervisor.update(self._conditions(now, targets)):
            self._enter(self.supervisor.state, before, now)
        state = self.supervisor.state
        if state is State.WAITING or (before in (State.WAITING, State.STOPPED) and state is State.STOPPED):
            return None
        self._base_before = self.limiter.state(self._base)
        splice = self.promise.end
        if state in FOLLOWING:
            self._follow(targets, due, now)
        else:
            self._stop(due, now)
        return self._command(now, splice)

    def sent(self, now: int) -> None:
        """The newest command was sent at `now` [ns], not at the time of its tick."""
        self._sent = now

    def withdraw(self, controller: str, returned: int | None = None) -> None:
        """The newest command did not reach this controller (the base: an empty name), for example because it had become too late.

        Args:
            returned: [ns] when sending it ended, if it was sent, but so late that nobody knows what the controller made of it. Then nothing
                more is sent until it must be at rest, and it is entered anew.
        """
        if returned is None:
            if controller:
                self.promise.withdraw(controller)
                self.joining.withdraw(controller)
            else:
                self.limiter.restore(self._base, self._base_before)
        elif controller in self.joining.entries:
            self.joining.lose(controller, self._now, max(returned, self.promise.rested))
            self._settled = False

    def _watch_clock(self, now: int) -> None:
        passed = now - self._now
        if self._stepped and self._now and 0 < passed < NANOSECONDS:  # slowly forgotten: the next step may be as long
            self._lead = max(self._least_lead + passed - self._step, self._lead - (self._lead - self._least_lead) // 256)
        if passed < -CLOCK_TOLERANCE * NANOSECONDS:
            self.clock_jumps += 1
            self._forget()
            self.promise.shift(passed - self._step)
            self.joining.shift(passed - self._step)
        self._now = now

    def _continue(self, now: int) -> int:
        """How many periods of the joints are to be decided on; after a stall, from where the controllers will be by then."""
        if not self._begun:
            return 0
        joints = self._joints
        if not self.promise.is_continued(now, self._lead):
            if self.joining.standing and self.promise.end < now + self._lead // 2:
                taken_up = self._taken_up_again(now)
                for name in self.joining.standing:
                    self.promise.stood(name, taken_up)
            self.limiter.put(joints, *self.promise.resume(now, self._lead))
        ahead = math.trunc((self.promise.end - now - self._lead) / self._step)
        return min(max(1 - ahead, 0), MOST_STEPS)

    def _taken_up_again(self, now: int) -> Motion:
        """How joints go on whose controllers stood where the last set point had led them: with what is left of their velocity, to rest."""
        joints, limiter = self._joints, self.limiter
        value, rate = self._motion.at(self._sent + self._step)
        stood = max(now - self._sent - self._step, 0) / NANOSECONDS
        left = np.sign(rate) * np.maximum(np.abs(rate) - limiter.max_change[joints] * stood, 0.0)
        limiter.put(joints, value, left)
        rest = limiter.rest_path(joints)
        times = np.append(now + self._step, now + self._step + np.rint(rest.times * NANOSECONDS).astype(np.int64))
        return Motion(times, np.vstack([value, rest.values]), np.vstack([left, rest.rates]))

    def _command(self, now: int, splice: int) -> Command:
        self._motion = motion = self.promise.close(now, self.limiter.rest_path(self._joints))
        self._sent = now
        base = self.limiter.value[self._base]
        return Command(now + self._step, motion, self.joining.messages(motion), base, splice, splice - self._lead // 2)

    def _advance(self, due: Sequence[int], targets: Sequence[np.ndarray], braking: slice | np.ndarray = _NONE) -> None:
        """Step the limiter once for each instant [ns] that is due, the base once in all, towards the targets (N or 1, J + 3)."""
        joints, limiter = self._joints, self.limiter
        if not due:
            kept = limiter.state(joints)
            limiter.step(targets[-1], braking)
            limiter.restore(joints, kept)
        for k, instant in enumerate(due):
            base = limiter.state(self._base) if k else None
            self._step_apart(targets[min(k, len(targets) - 1)], braking)
            if base is not None:
                limiter.restore(self._base, base)
            for columns, (value, rate) in self.joining.entering(instant):
                limiter.put(columns, value, rate)
            self.promise.add(instant, limiter.value[joints], limiter.rate[joints])

    def _step_apart(self, target: np.ndarray, braking: slice | np.ndarray) -> None:
        """One step of the limiter, or, where that would lead too near to something, of the stop that follows with the next tick."""
        guard, limiter, joints = self.guard, self.limiter, self._joints
        if guard is None or self.supervisor.state not in FOLLOWING:
            limiter.step(target, braking)
            return
        if guard.cause is None:
            before = limiter.state(slice(None))
            limiter.allowed_rate[joints] = guard.velocity
            limiter.step(target)
            limiter.allowed_rate[joints] = limiter.max_rate[joints]  # of stops, which are not touched
            rate = limiter.rate[joints]
            if guard.allows(way_to_rest(before[0][joints], limiter.value[joints], rate, limiter.max_change[joints]), rate):
                return
            limiter.restore(slice(None), before)
        limiter.step(target, braking=joints)

    def _tried_apart(self, goal: np.ndarray, now: int) -> np.ndarray:
        """Towards which pose (J,) controllers may be tried: the goal's, but not too near to something on the way."""
        here = self.measured.positions
        trial = None if self.guard is None else self.joining.trial(now, here, goal)
        if self.guard is None or trial is None:
            return goal
        return trial if self.guard.is_clear(here, trial) else here

    def _take_chunks(self, now: int) -> None:
        ahead = {JOINTS: self._ahead + self._lead + self._step, BASE: self._latency}
        while self._queue:
            name, chunk, source = self._queue.popleft()
            stream = self.streams[name]
            try:
                if stream.guard.accept(source, now):
                    stream.ensemble.clear()
                stream.ensemble.add(chunk, now + ahead[name], ahead[name])
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
        state, error = self.supervisor.state, 0.0
        if measured and self._begun:
            value, rate = self.promise.near(now)
            gaps = self.measured.positions - value
            error = self.joining.error(gaps)
            if state in (State.HOLDING, State.RAMPING) and self.joining.watch(now, gaps, rate):
                self._settled = False
        return Conditions(
            joints_fresh=measured,
            chunks_fresh=alive and self.chunk_age <= self.settings.chunk_timeout and all(t is not None for t in targets.values()),
            tracking=bool(error <= self.settings.tracking_error_limit),
            following=self.joining.in_order(now),
            at_rest=not self.limiter.rate.any() and not self.limiter.value[self._base].any(),
            ramp_over=not self._ramp_waits and self.promise.end - self._ramp_from >= self._ramp * 1e9,
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
            self.promise.begin(now + self._lead, self.measured.positions)
            self.joining.begin(now, self.measured.positions)
            self._begun = self._settled = True
        elif state is State.RAMPING:
            self._rest[self._joints] = self.limiter.value[self._joints]
            self._ramp = self.settings.resume_ramp if self._started else self.settings.start_ramp
            self._ramp_from, self._started = self.promise.end, True
            self._ramp_waits = self.joining.ask_again(now - self._left)
        elif before in FOLLOWING and state not in FOLLOWING:
            self._settled = False
        if before in FOLLOWING:
            self._left = now
        if state is State.ESTOPPED:
            self._started = False  # the next start is a first start, with the long ramp

    def _follow(self, targets: dict[str, np.ndarray | None], due: Sequence[int], now: int) -> None:
        """All targets exist in a following state: `chunks_fresh` is a condition of it."""
        wanted = np.concatenate([t for t in targets.values() if t is not None])  # (J + 3,) at the last instant that is due
        joints, limiter = self._joints, self.limiter
        goal = np.clip(wanted[joints], limiter.lower[joints], limiter.upper[joints])  # a policy may want what is out of reach
        entered = self.joining.seek(now, limiter.value[joints], self.measured.positions, self._tried_apart(goal, now))
        if self._ramp_waits:
            self._rest[self._joints] = self.limiter.value[self._joints]
            self._ramp_waits, self._ramp_from = not entered, self.promise.end
        rows = []
        for instant in due[:-1]:
            earlier = self.streams[JOINTS].ensemble.evaluate(instant + self._ahead)
            rows.append(wanted if earlier is None else np.concatenate([earlier, wanted[len(earlier) :]]))
        rows.append(wanted)
        if self.supervisor.state is State.RAMPING:
            ends = due or [self.promise.end]
            rows = [
                self._rest + _smooth((t - self._ramp_from) * 1e-9, self._ramp) * (row - self._rest)
                for t, row in zip(ends, rows, strict=True)
            ]
        self._advance(due, rows)
        newest = self.streams[JOINTS].ensemble.newest_stamp or 0
        if newest > self._latest_used:
            self._latest_used = newest
            self.observation_to_command.add((now - newest) * 1e-9)

    def _stop(self, due: Sequence[int], now: int) -> None:
        measured, joints = self.measured.is_fresh(now, self.settings.joint_state_timeout), self._joints
        if self._settled:
            if measured and np.abs(self.measured.positions - self._rest[joints]).max() > self.settings.tracking_error_limit:
                self._rest[joints] = self.measured.positions  # moved by force, or reset: give way instead of pulling back
            self._advance(due, [self._rest], braking=self.limiter.outside)  # who stands outside is not moved while he should rest
            return
        self._advance(due, [self._rest], braking=joints)
        if not self.limiter.rate[joints].any() and self.joining.at_rest(now):
            self._settled = True
            self._rest[joints] = self.measured.positions if measured else self.limiter.value[joints]
            if measured:
                self.joining.place(now, self.limiter.value[joints], self.measured.positions)

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
