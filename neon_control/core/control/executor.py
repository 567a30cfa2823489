"""From chunks and measurements to one safe command per control period; knows neither ROS nor threads' scheduling.

Callbacks of any thread hand in chunks and requests; they only append to a queue or write a value. Everything else happens in
`tick`, which one thread calls once per period, after it has handed in the joint states:

    queue of chunks -> ensembles -> target -> supervisor (follow, or stop) -> ramp -> limiters -> motion -> Command
              or a person's targets -^

A person who has taken over (`takeover.py`) is followed instead of the ensembles, and so is the policy when he gives back: each time from
the motion that there is, over a ramp.

What is decided for the joints becomes due `command_lead` and one period later (see `promise.py`), so their target is the one of that
instant, and the plan is followed without lag. The base acts at once, and gets the target of now.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from neon_control.core.common.nanoseconds import CLOCK_TOLERANCE, NANOSECONDS
from neon_control.core.common.statistics import Percentiles
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk
from neon_control.core.control.clearance import ClearanceGuard
from neon_control.core.control.command import Command
from neon_control.core.control.continuing import Continuing
from neon_control.core.control.dead_man import Hold
from neon_control.core.control.ensemble import NO_COLUMNS, Ensemble, EnsembleSettings
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.control.foresight import Followed, Outlook
from neon_control.core.control.grip import Grip
from neon_control.core.control.horizon import too_late
from neon_control.core.control.joining import Joining
from neon_control.core.control.leaving import Leaving
from neon_control.core.control.limits import envelope
from neon_control.core.control.ramp import Ramp
from neon_control.core.control.smoothing import smoothing_for
from neon_control.core.control.sources import SourceGuard
from neon_control.core.control.streams import Stream, Streams
from neon_control.core.control.supervisor import FOLLOWING, Conditions, State, Supervisor
from neon_control.core.control.takeover import Foretold, Takeover
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.robot.turns import Aim
from neon_control.core.sensing.measured import MeasuredJoints, in_words
from neon_control.core.sensing.witnesses import Witnesses

USUAL_STEP = 0.1  # [s] of a chunk; what the base was told is kept for as long, or for the newest chunk's, if that is longer
POLICY, TAKEOVER, NOBODY = "policy", "takeover", "none"  # who may command
RETELL = round(0.05 * NANOSECONDS)  # [ns] after which it is foreseen anew what a person wants, who moves on meanwhile


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
        self._latency = round(self.settings.action_latency * NANOSECONDS)
        self._ahead = self._latency + self._step // 2  # [ns] by which targets of joints are early: the limiter follows their middle
        self.joint_names = joint_names
        self.grip = Grip(robot, joint_names, self.settings.tracking_error_limit)
        self.tracking_limits, tolerance = self.grip.tracking_limits, self.grip.tolerances
        lower, upper = (robot.limits(joint_names, end) for end in ("lower", "upper"))  # no command could come nearer to who is further out
        self.measured = MeasuredJoints(joint_names, lower - tolerance, upper + tolerance, witnesses, robot.wire)
        turning = [name in robot.wire.turning for name in joint_names]
        self._aim = Aim(turning)
        self._drivable = robot.base.drivable if robot.base is not None and robot.base.minimum_radius else None
        self.supervisor = supervisor or Supervisor()
        self.limiter = envelope(robot, joint_names, self.period)
        self.guard = None if robot.clearance is None else ClearanceGuard(robot, joint_names, self.period)
        self._joints, self._base = slice(0, len(joint_names)), slice(len(joint_names), None)  # the command's axes
        self.joining = Joining(robot, joint_names, self.settings.following_limit, self.period, self.grip.joints)
        lead = round(self.settings.command_lead * NANOSECONDS)
        self._smoothing = smoothing = smoothing_for(robot, joint_names, self.limiter)
        self._ahead += round(smoothing.delay * NANOSECONDS) if smoothing else 0
        self.continuing = Continuing(self.limiter, len(joint_names), self.joining, self._step, lead, stepped_clock, smoothing)
        self.promise = self.continuing.promise
        dimensions = {JOINTS: (len(joint_names), self.settings.joints, np.flatnonzero(turning))}
        if robot.base is not None:
            dimensions[BASE] = len(BASE_AXES), self.settings.base, NO_COLUMNS
        self.streams = Streams(*(self._stream(name, *of) for name, of in dimensions.items()))
        self.rejected = self.streams.rejected  # "stream/reason" -> how many
        self.clock_jumps = 0
        self.observation_to_command = Percentiles()  # [s] age of an observation when its first command is made
        self.seams = Percentiles()  # [rad] how far the target jumps where a chunk can change it first, of the joint that jumps farthest
        self.chunk_age = math.nan  # [s] age of the newest observation in use
        self.farthest = 0, 0.0  # the joint that is farthest from its commanded position, and measured minus commanded [rad]
        self.takeover = Takeover(robot, joint_names, self.settings.takeover)
        self.listened = True  # whether every controller listens to its commands; told by who sends them
        self._latest_used = 0  # [ns] newest observation that has led to a command
        self._driven: deque[tuple[int, np.ndarray]] = deque()  # when [ns] the base was told which velocity
        self.restart()

    def _stream(self, name: str, dim: int, ensemble: EnsembleSettings, turning: np.ndarray) -> Stream:
        newest = self.grip.newest if name == JOINTS else NO_COLUMNS
        ensembles = Ensemble(self.settings.chunk_steps, dim, ensemble, turning=turning, newest=newest)
        return Stream(name, ensembles, SourceGuard(self.settings.chunk_timeout))

    def restart(self) -> None:
        """Begin anew (activation): nothing received, nothing commanded."""
        self.supervisor.restart()
        if self.continuing.begun:
            self.grip.leave(self.limiter.value[self._joints], self.measured.positions)
        self._forget()
        if self.guard is not None:
            self.guard.forget()
        self.takeover.restart()
        self._hold = Hold.OFF  # as of the last tick
        self._steady = 0  # [ns] on a clock that nobody sets
        self._now = 0
        self.continuing.restart()
        self._ramp = Ramp()
        self._left = 0  # [ns] when the policy was last followed
        self._started = False
        self._settled = False  # after a stop: at rest, and the pose to hold is taken
        self._foreseen = 0  # [ns] the newest chunk that an outlook was given on; 0: none, since what was foreseen broke off
        self._broken = True  # that has still to be told
        self._resumed = 0  # as of the last outlook
        self._rest = np.zeros(len(self.limiter.names))  # (J + 3,) where a ramp begins, or what is held: a pose, and a standing base
        self._leaving = Leaving(self._rest)
        self._wanted_last = self._rest  # (J + 3,) by whoever leads
        self._foreseen_at, self._retell = 0, False  # [ns] of the last outlook; another leader's has still to be told

    @property
    def commander(self) -> str:
        """Who is followed: `POLICY`, `TAKEOVER` or `NOBODY`."""
        if self.supervisor.state not in FOLLOWING:
            return NOBODY
        return POLICY if self._hold is Hold.OFF else TAKEOVER

    # --- called from other threads ---

    def add_chunk(self, stream: str, chunk: ActionChunk, source: object = None) -> None:
        """Queue a stream's chunk for the next tick."""
        self.streams.put(stream, chunk, source)

    def reject(self, stream: str, reason: str) -> None:
        """Count a chunk that was refused before it came here."""
        self.streams.reject(stream, reason)

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

    @property
    def too_late(self) -> str:
        """Why no step of the newest chunk could be commanded, with figures and what would mend it; empty: it was in time."""
        late = self.streams.late
        return "" if late is None else too_late("observation to command", *late, chunk_timeout=self.settings.chunk_timeout)

    def missing_joints(self) -> list[str]:
        """Joints without a fresh measurement, as of the last tick."""
        return self.measured.stale(self._now, self.settings.joint_state_timeout)

    def why_missing(self) -> str:
        """The same joints with the reasons, in one line."""
        return in_words(self.measured.explain(self._now, self.settings.joint_state_timeout))

    # --- the control thread ---

    def tick(self, now: int, steady: int | None = None) -> Command | None:
        """One control period at `now` [ns, clock of the stamps]; None when nothing is to be sent.

        What it returns counts as sent before the next tick, unless `withdraw` says otherwise.

        Args:
            steady: [ns] on the clock by which a person's messages are told to `takeover`; None: that of the stamps.
        """
        self._watch_clock(now)
        self._steady = now if steady is None else steady
        ahead = {JOINTS: self._ahead + self.continuing.lead + self._step, BASE: self._latency}
        self._take_chunks(now, ahead)
        due = self.continuing.due(now)
        instants = {JOINTS: (due[-1] if due else max(self.promise.end, now)) + self._ahead, BASE: now + self._latency}
        self._change_hands(instants[JOINTS])
        targets = self.streams.targets(instants)
        if self._hold is not Hold.OFF:
            targets |= {name: self.takeover.base(self._steady) for name in targets if name != JOINTS}
            targets[JOINTS] = self.takeover.joints(instants[JOINTS])
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
        command = self.continuing.command(now, splice)
        if self._drivable is not None:
            command = replace(command, base=self._drivable(command.base))
        self._remember_drive(now, command.base)
        return command

    def _remember_drive(self, now: int, base: np.ndarray) -> None:
        """What the base was told, for as long back as an outlook may ask: over a step of the newest chunk, however long that is."""
        self._driven.append((now, base))
        since = self._told_since(now, float(np.fmax(self.streams[JOINTS].ensemble.newest_dt, USUAL_STEP)))  # NaN before the first one
        while self._driven[0][0] < since:
            self._driven.popleft()

    def _told_since(self, now: int, dt: float) -> int:
        """[ns] from when on an outlook tells what was commanded: a step of `dt` [s], and a period."""
        return min(self.promise.end, now) - round(dt * NANOSECONDS) - self._step

    def _take_chunks(self, now: int, ahead: Mapping[str, int]) -> None:
        """What is queued; where a chunk of joints comes while the policy is followed, its seam is measured."""
        joints = self.streams[JOINTS]
        accepted = joints.accepted
        before = self.next_wanted(now) if self.streams.waiting and self.supervisor.state in FOLLOWING else None
        self.streams.take(now, ahead)
        if before is not None and joints.accepted > accepted and (after := self.next_wanted(now)) is not None:
            self.seams.add(float(np.abs(after - before).max()))

    def next_wanted(self, now: int) -> np.ndarray | None:
        """(J,) what chunks want of the joints where one that comes at `now` [ns] can change something first; None: nothing."""
        return self.streams[JOINTS].ensemble.evaluate(now + self._ahead + self.continuing.lead + self._step)

    def outlook(self, foresee: bool = True) -> Outlook | None:
        """What is new to say about the future after a tick: with a new chunk in use what is followed now, after a stop or a stall that
        nothing said before holds any more; None: nothing new.

        Args:
            foresee: whether somebody wants to know the former, whose copies take as long as a part of a tick.
        """
        resumed = self.continuing.resumed != self._resumed
        self._resumed = self.continuing.resumed
        follows = self.supervisor.state in FOLLOWING and not self._ramp.waits and self.joining.complete
        if self._foreseen and (resumed or not follows):
            self._foreseen, self._broken = 0, True
        newest = min(stream.ensemble.newest_stamp or 0 for stream in self.streams.values())
        followed = None
        if foresee and follows and newest and self._is_to_be_told(newest):
            self._foreseen, followed = newest, self._followed(newest)
            self._foreseen_at, self._retell = self._now, False
        if followed is None and not self._broken:
            return None
        broken, self._broken = self._broken, False
        return Outlook(self.joint_names, BASE in self.streams, broken, followed)

    def _is_to_be_told(self, newest: int) -> bool:
        """A chunk is new, or somebody else leads now, or the person who does has gone on; and there are steps to tell."""
        if self._hold is Hold.OFF and not self._retell:
            return newest != self._foreseen
        anew = newest != self._foreseen or self._retell or self._now - self._foreseen_at >= RETELL
        return anew and all((stream.ensemble.newest_end or 0) > self.promise.end + self._latency for stream in self.streams.values())

    def _followed(self, stamp: int) -> Followed:
        limiter = self.limiter.copied()
        since = self._told_since(self._now, self.streams[JOINTS].ensemble.newest_dt)
        recent = [driven for driven in self._driven if driven[0] > since]
        times, drives = zip(*(recent or [self._driven[-1]]), strict=True)
        return Followed(
            motion=self.promise.since(since + self._step),
            drives=(np.array(times), np.reshape(drives, (len(times), -1))),
            stamp=stamp,
            step=self._step,
            latency=self._latency,
            ahead=self._ahead,
            wanted=self._told_wanted(),
            limiter=limiter,
            smoothing=None if self._smoothing is None else self._smoothing.copied(limiter),
            aim=copy.copy(self._aim),
            target=self.grip.copied().target,
            ramp=copy.copy(self._ramp) if self._ramps else None,
            leaving=self._leaving.copied(),
            drivable=self._drivable,
        )

    def _told_wanted(self) -> Mapping[str, Ensemble | Foretold]:
        if self._hold is Hold.OFF:
            return {name: stream.ensemble.frozen() for name, stream in self.streams.items()}
        return self.takeover.foretold({name: stream.ensemble for name, stream in self.streams.items()}, JOINTS, self._steady)

    def sent(self, controller: str, now: int) -> None:
        """A controller of type `position` was sent the newest command at `now` [ns], not at the time of its tick."""
        self.continuing.sent(controller, now)

    def withdraw(self, controller: str, returned: int | None = None) -> None:
        """The newest command did not reach this controller (the base: an empty name), for example because it had become too late.

        Args:
            returned: [ns] when sending it ended, if it was sent, but so late that nobody knows what the controller made of it. Then nothing
                more is sent until it must be at rest, and it is entered anew.
        """
        if returned is None:
            if controller:
                self.continuing.withdraw(controller)
                self.joining.withdraw(controller)
            else:
                self.limiter.restore(self._base, self._base_before)
        elif controller in self.joining.entries:
            self.joining.lose(controller, self._now, max(returned, self.promise.rested))
            self._settled = False

    def _watch_clock(self, now: int) -> None:
        passed = now - self._now
        if self._now:
            self.continuing.passed(passed)
        if passed < -CLOCK_TOLERANCE * NANOSECONDS:
            self.clock_jumps += 1
            self._forget()
            self.continuing.shift(passed)
            self._ramp.shift(passed)
            self._leaving.shift(passed)
        self._now = now

    def _change_hands(self, instant: int) -> None:
        """Who leads from this tick on; `instant` [ns] is the last one that is about to be decided on, look-ahead included."""
        before, self._hold = self._hold, self.takeover.dead_man.update(self._steady)
        follows = self.supervisor.state in FOLLOWING
        if self._hold is Hold.HELD and before is not Hold.HELD:
            if follows:
                self._leave(self.settings.takeover.ramp, with_base=False)
            self.takeover.begin(self.promise.end + self._ahead, self._left_at(), self._now, self._steady)
        elif self._hold is Hold.OFF and before is not Hold.OFF and follows:
            self._leave(self.settings.resume_ramp)
        elif self._hold is Hold.HELD and not follows:
            self.takeover.hold(self._left_at())

    def _leave(self, seconds: float, with_base: bool = True) -> None:
        """Another one leads, in mid-motion."""
        joints, way = self._joints, self.continuing.leave()
        self._aim.restart()
        self._retell = True
        if self._ramp.waits:  # at rest, and the ramp has not begun
            return
        rest = self._rest.copy()
        rest[joints], rest[self._base] = way.positions[-1], self.limiter.value[self._base]
        self._leaving = Leaving(rest, way, with_base)
        self._ramp.begin(self.promise.end, seconds)

    def _left_at(self) -> np.ndarray:
        """(J,) [rad] where joints stay that a person who takes over does not name: in mid-motion where they come to rest."""
        joints, follows = self._joints, self.supervisor.state in FOLLOWING
        here = self._leaving.rest[joints] if follows and not self._ramp.waits else self.limiter.value[joints]
        sent = self._wanted_last[joints] if follows else self._rest[joints]
        return self._within_reach(self.grip.held(here, sent))

    @property
    def _ramps(self) -> bool:
        """Whether a ramp leads from one leader to the next, or from rest."""
        return self.supervisor.state is State.RAMPING or not self._ramp.is_over(self.promise.end)

    def _tried_apart(self, here: np.ndarray, goal: np.ndarray, now: int) -> np.ndarray:
        """Towards which pose (J,) controllers may be tried: the goal's, but not too near to something on the way from `here`."""
        trial = None if self.guard is None else self.joining.trial(now, here, goal)
        if self.guard is None or trial is None:
            return goal
        return trial if self.guard.is_clear(here, trial) else here

    def _conditions(self, now: int, targets: dict[str, np.ndarray | None]) -> Conditions:
        self.chunk_age = self.streams.age(now)
        measured = self.measured.is_fresh(now, self.settings.joint_state_timeout)
        state, self.farthest = self.supervisor.state, (0, 0.0)
        if measured and self.continuing.begun:
            value, rate = self.promise.near(now)
            gaps = self.measured.positions - value
            self.farthest = self.grip.beyond(gaps) or self.joining.worst(gaps, self.tracking_limits)
            if state in (State.HOLDING, State.RAMPING) and self.joining.watch(now, gaps, rate):
                self._settled = False
        return Conditions(
            joints_fresh=measured,
            chunks_fresh=self._hold is not Hold.OFF or self._are_fresh(targets),
            held=self._hold is not Hold.LET_GO,
            tracking=abs(self.farthest[1]) <= float(self.tracking_limits[self.farthest[0]]),
            following=self.joining.in_order(now),
            at_rest=self.limiter.rests and not self.limiter.value[self._base].any(),
            ramp_over=self._ramp.is_over(self.promise.end),
            listened=self.listened,
            apart=self.guard is None or self._is_apart(self.guard, targets[JOINTS]),
        )

    def _are_fresh(self, targets: Mapping[str, np.ndarray | None]) -> bool:
        """Whether the policy's chunks are."""
        return self.streams.alive and self.chunk_age <= self.settings.chunk_timeout and all(t is not None for t in targets.values())

    def _is_apart(self, guard: ClearanceGuard, target: np.ndarray | None) -> bool:
        if self.supervisor.state is State.HOLDING and target is not None:
            held = self.limiter.value[self._joints]
            return guard.may_follow(held, self._within_reach(self._aim.beside(target, held)))
        return guard.cause is None

    def _within_reach(self, target: np.ndarray) -> np.ndarray:
        """What becomes of a pose (J,) of the policy's, which may want what is out of reach."""
        return np.asarray(np.clip(target, self.limiter.lower[self._joints], self.limiter.upper[self._joints]))

    def _enter(self, state: State, before: State, now: int) -> None:
        if before is State.WAITING and state is State.HOLDING:
            pose = self._rest[self._joints] = self.grip.begin(self.measured.positions)
            self.limiter.anchor(self._rest)
            self.continuing.begin(now, pose)
            self.joining.begin(now, pose)
            self._settled = True
        elif state is State.RAMPING:
            self._aim.restart()
            self._rest[self._joints] = self.limiter.value[self._joints]
            self._leaving = Leaving(self._rest)
            self._ramp.begin(self.promise.end, self.settings.resume_ramp if self._started else self.settings.start_ramp)
            self._started = True
            self._ramp.waits = self.joining.ask_again(now - self._left)
        elif before in FOLLOWING and state not in FOLLOWING:
            self._settled = False
        if before in FOLLOWING:
            self._left = now
        if state is State.ESTOPPED:
            self._started = False  # the next start is a first start, with the long ramp

    def _follow(self, targets: dict[str, np.ndarray | None], due: Sequence[int], now: int) -> None:
        """All targets exist in a following state: `chunks_fresh` is a condition of it, and a person always wants something."""
        wanted = np.concatenate([t for t in targets.values() if t is not None])  # (J + 3,) at the last instant that is due
        joints, limiter = self._joints, self.limiter
        wanted[joints] = self._aim.next(wanted[joints], limiter.value[joints])
        entered = self.joining.complete
        if not entered:
            commanded = limiter.value[joints]
            here, goal = (self.grip.held(pose, commanded) for pose in (self.measured.positions, self._within_reach(wanted[joints])))
            entered = self.joining.seek(now, commanded, here, self._tried_apart(here, goal, now))
        if self._ramp.waits:
            self._rest[self._joints] = self.limiter.value[self._joints]
            self._ramp.waits = not entered
            self._ramp.put_off(self.promise.end)
        rows = []
        for instant in due[:-1]:
            earlier = self._wanted_joints(instant + self._ahead)
            if earlier is not None:
                earlier = self._aim.next(earlier, limiter.value[joints])
            rows.append(wanted if earlier is None else np.concatenate([earlier, wanted[len(earlier) :]]))
        rows.append(wanted)
        rows = [self.grip.target(row) for row in rows]
        self._wanted_last = rows[-1]
        if self._ramps:
            ends, half = due or [self.promise.end], self._step // 2
            rows = [self._ramp.between(self._leaving.at(t + half, row), row, t) for t, row in zip(ends, rows, strict=True)]
        self.continuing.advance(due, rows, guard=self.guard)
        newest = self.streams[JOINTS].ensemble.newest_stamp or 0
        if newest > self._latest_used and self._hold is Hold.OFF:
            self._latest_used = newest
            self.observation_to_command.add((now - newest) * 1e-9)

    def _wanted_joints(self, instant: int) -> np.ndarray | None:
        """(J,) by whoever leads."""
        return self.streams[JOINTS].ensemble.evaluate(instant) if self._hold is Hold.OFF else self.takeover.joints(instant)

    def _stop(self, due: Sequence[int], now: int) -> None:
        measured, joints = self.measured.is_fresh(now, self.settings.joint_state_timeout), self._joints
        if self._settled:
            here = self.grip.rest(self.measured.positions, self._rest[joints])
            if measured and (np.abs(here - self._rest[joints]) > self.tracking_limits).any():
                self._rest[joints] = here  # moved by force, or reset: give way instead of pulling back
            if measured and not self.joining.complete:
                self._place(now, untold=True)
            self.continuing.advance(due, [self._rest], braking=self.limiter.outside)  # who stands outside is not moved while he should rest
            return
        self.continuing.advance(due, [self._rest], braking=joints)
        if not self.limiter.rate[joints].any() and self.joining.at_rest(now):
            self._settled = True
            commanded = self.limiter.value[joints]
            self._rest[joints] = self.grip.rest(self.measured.positions if measured else commanded, commanded)
            if measured:
                self._place(now)

    def _place(self, now: int, untold: bool = False) -> None:
        """Send controllers that are not known to follow to where the joints are measured."""
        commanded = self.limiter.value[self._joints]
        self.joining.place(now, commanded, self.grip.held(self.measured.positions, commanded), untold)

    def _forget(self) -> None:
        """Drop what was received: it belongs to another time."""
        self._latest_used = 0
        self._hold = Hold.OFF  # who holds his button takes over anew
        self._driven.clear()
        self.measured.forget()
        self.streams.forget()
