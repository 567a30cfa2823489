"""What is already under way when a policy is asked: the steps that will be commanded before its chunk can change anything.

Neither threads nor clocks: the live node asks with the clock of ROS, an offline run with the times of a bag. In goes what the executor
foresees (`foresight.py`), and each chunk that goes out; out comes a prefix for the next one, or the reason why there is none.

For each stream there is one motion on the clock of the stamps. What the executor foresees replaces it from its first step on. A chunk that
the executor has not answered yet counts from the step on that it can change; where no executor tells of its future, that is all there is.
It is forgotten after a start, another policy, a clock that was set back, and whenever the executor says that it follows nothing, or follows
chunks of somebody else. A gap in it is not bridged: no step of a prefix was ever made up.

How long the prefix is: a high quantile of the newest delays, each counted by stamps from an observation to the first step that its chunk
could change. The first ones after a start, or of another policy, do not count, since a warm-up would be taken for the rule. Where the delay
is longer than the policy's longest prefix there is none: half of what is committed would be told as all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neon_control.core.common.nanoseconds import CLOCK_TOLERANCE, NANOSECONDS
from neon_control.core.control.chunk import BASE, JOINTS, ActionChunk, step_instants
from neon_control.core.control.committed import delay_steps
from neon_control.core.control.foresight import Foreseen
from neon_control.core.robot.action_space import BASE_NAMES

WARM_UP = 3  # delays after a start that do not count
LEAST, NEWEST = 5, 40  # delays that an estimate is made of, at least and at most
QUANTILE = 0.95
FURTHER = 0.04  # [s] from a chunk's publication to its first command, of an executor that does not tell: `command_lead` and a period
ANSWER = 0.1  # [s] within which the executor tells what it makes of a chunk: the longest period, transport, and its computing
KEPT = 64  # own chunks that are remembered, so that what is foreseen can be told from that of others
BRIDGED = 1.5  # steps between two rows of a motion that are still one motion


@dataclass(frozen=True)
class Prefix:
    """The committed steps of one chunk."""

    values: np.ndarray  # (d, N) from the chunk's own stamp on: joints [rad], base [m/s, m/s, rad/s]; (0, N): there are none
    reason: str = ""  # why there are none, one word; empty where there are some
    why: str = ""  # the same in words
    further: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # (e, N) of the steps after them, what is under way for now

    def __len__(self) -> int:
        return len(self.values)


class _Motion:
    """One stream's motion (K, D) at times (K,) [ns]; never changed, only replaced."""

    def __init__(self, times: np.ndarray, rows: np.ndarray) -> None:
        self.times, self.rows = times, rows

    @property
    def end(self) -> int:
        """[ns] of the last row; 0 without one."""
        return int(self.times[-1]) if len(self.times) else 0

    def then(self, times: np.ndarray, rows: np.ndarray, dt: float) -> _Motion:
        """This one up to the first of `times`, and others from there on; what lies before a gap is dropped."""
        kept = int(self.times.searchsorted(times[0]))
        if not kept or times[0] - self.times[kept - 1] > BRIDGED * dt * NANOSECONDS:
            return _Motion(times, rows)
        first = max(0, kept - 4 * len(times) - KEPT)
        return _Motion(np.concatenate([self.times[first:kept], times]), np.concatenate([self.rows[first:kept], rows]))

    def at(self, instants: np.ndarray) -> np.ndarray | None:
        """(P, D) at `instants` (P,) [ns]; None unless all of them lie within."""
        if not len(self.times) or instants[0] < self.times[0] or instants[-1] > self.times[-1]:
            return None
        origin = self.times[0]  # small numbers: an instant in ns is more than a double holds
        where, known = (instants - origin) * 1e-9, (self.times - origin) * 1e-9
        return np.column_stack([np.interp(where, known, column) for column in self.rows.T])


_EMPTY = _Motion(np.zeros(0, dtype=np.int64), np.zeros((0, 0)))


@dataclass(frozen=True)
class _Sent:
    """A chunk that went out."""

    streams: dict[str, ActionChunk]
    stamp: int  # [ns]
    time: int  # [ns] when


class _Stream:
    """One stream of chunks: what is under way of it, or why nothing is."""

    def __init__(self, reason: str, why: str) -> None:
        self.answered = 0  # [ns] stamp of the newest own chunk that the executor follows
        self.forget(reason, why)

    def forget(self, reason: str, why: str) -> None:
        self.motion, self.lacks = _EMPTY, (reason, why)

    def replace(self, times: np.ndarray, rows: np.ndarray, dt: float) -> None:
        self.motion, self.lacks = self.motion.then(times, rows, dt), ("", "")


class UnderWay:
    """See the module's text. For one thread; `told` may be called from any.

    Args:
        names: of the N columns of a chunk: joints, then the axes of the base or none.
        dt: [s] between two steps.
        most: D, the longest prefix that the policy takes; 0: it takes none.
        reach: how many steps of a chunk are wanted at most, with those after the prefix, which the chunk can still change.

    Attributes:
        delay: [steps] as of the newest prefix; None: not known yet.
    """

    def __init__(self, names: Sequence[str], dt: float, most: int, reach: int = 0) -> None:
        self._tidings: deque[tuple[str, Foreseen]] = deque(maxlen=4 * KEPT)
        self._tells = False  # whether an executor tells of its future
        self.begin(names, dt, most, "start", "after a start", reach)

    def begin(self, names: Sequence[str], dt: float, most: int, reason: str, why: str, reach: int = 0) -> None:
        """Another policy, or the same anew: nothing is under way, and no delay is known."""
        self.names, self.dt, self.most, self.reach = tuple(names), dt, most, reach
        self.delay: int | None = None
        self._delays: deque[int] = deque(maxlen=NEWEST)
        self._heard = 0  # delays, with those of the warm-up
        self._now = 0
        self._sent: deque[_Sent] = deque(maxlen=KEPT)
        streams = [JOINTS, *([BASE] if self.names[-1] in BASE_NAMES else [])]
        self._streams = {name: _Stream(reason, why) for name in streams}

    def told(self, stream: str, foreseen: Foreseen) -> None:
        """What the executor foresees of a stream, or that it follows nothing; from any thread."""
        self._tidings.append((stream, foreseen))

    def goes_out(self, chunk: ActionChunk, now: int) -> None:
        """A chunk is about to be published at `now` [ns]."""
        self._listen(now)
        if not self.most:
            return
        sent = _Sent(chunk.streams(), chunk.stamp, now)
        self._sent.append(sent)
        if not self._tells:
            self._learn(delay_steps((now - chunk.stamp) / NANOSECONDS + FURTHER, chunk.dt))
            for name, stream in self._streams.items():
                stream.answered = chunk.stamp
                stream.replace(*self._changed(stream.motion, sent.streams[name]))

    def prefix(self, stamp: int, now: int) -> Prefix:
        """For a chunk of the observation at `stamp` [ns], asked for at `now` [ns]."""
        self._listen(now)
        self.delay = delay = self._estimate()
        if not self.most:
            return self._none("policy", "the policy takes no prefix")
        for reason, why in (stream.lacks for stream in self._streams.values()):
            if reason:
                return self._none(reason, why)
        if delay is None:
            return self._none("delay", f"the delay is not known before {WARM_UP + LEAST} chunks")
        if delay > self.most:
            text = f"{delay} steps of {1e3 * self.dt:.0f} ms pass from observation to command, max_prefix is {self.most}"
            return self._none("long_delay", text)
        if not delay:
            return self._none("no_delay", "nothing is committed: the first step of a chunk is still in time")
        wanted = step_instants(stamp, np.arange(max(delay, self.reach)), self.dt)
        motions = []
        for name, stream in self._streams.items():
            motion, waiting = stream.motion, [sent for sent in self._sent if sent.stamp > stream.answered]
            if waiting and now - waiting[0].time > ANSWER * NANOSECONDS:
                silent = (now - waiting[0].time) * 1e-9
                return self._none("unanswered", f"a chunk went out {silent:.2f} s ago, and the executor has not told what it makes of it")
            for sent in waiting:
                motion = motion.then(*self._changed(motion, sent.streams[name]))
            motions.append(motion)
        known = max(delay, min(int(wanted.searchsorted(motion.end, side="right")) for motion in motions))
        columns = [values for motion in motions if (values := motion.at(wanted[:known])) is not None]
        if len(columns) < len(motions):
            return self._none("gap", "what is under way does not cover the time from the observation on")
        rows = np.concatenate(columns, axis=1)
        return Prefix(rows[:delay], further=rows[delay:])

    def _none(self, reason: str, why: str) -> Prefix:
        return Prefix(np.zeros((0, len(self.names))), reason, why)

    def _changed(self, motion: _Motion, half: ActionChunk) -> tuple[np.ndarray, np.ndarray, float]:
        """What a chunk can still change of a motion; all of it where there is none yet."""
        first = min(self._estimate() or 0, half.num_steps - 1) if len(motion.times) else 0
        return half.instants[first:], half.values[first:], half.dt

    def _estimate(self) -> int | None:
        if len(self._delays) < LEAST:
            return None
        return int(np.quantile(np.array(self._delays), QUANTILE, method="higher"))

    def _learn(self, steps: int) -> None:
        self._heard += 1
        if self._heard > WARM_UP:
            self._delays.append(steps)

    def _listen(self, now: int) -> None:
        """Take what the executor has told."""
        if now < self._now - CLOCK_TOLERANCE * NANOSECONDS:
            self._tidings.clear()
            self.begin(self.names, self.dt, self.most, "clock", "after the clock was set back", self.reach)
        self._now = now
        while self._tidings:
            name, foreseen = self._tidings.popleft()
            if not self._tells:  # what was taken for under way before was a guess, and so were the delays
                self._tells = True
                self._delays.clear()
                for stream in self._streams.values():
                    stream.forget("start", "the executor has not yet followed a chunk")
            if name in self._streams:
                self._take(self._streams[name], foreseen, counts=name == JOINTS)

    def _take(self, stream: _Stream, foreseen: Foreseen, counts: bool) -> None:
        if not foreseen.stamp:
            if stream.motion is not _EMPTY:
                stream.forget("stopped", "the executor follows nothing")
            return
        if all(sent.stamp != foreseen.stamp for sent in self._sent):
            if stream.motion is not _EMPTY:
                stream.forget("others", "the executor follows a chunk that is not this node's")
            return
        if foreseen.stamp > stream.answered:
            stream.answered = foreseen.stamp
            if counts:
                self._learn(foreseen.delay)
        if len(foreseen.values):
            stream.replace(foreseen.instants, foreseen.values, foreseen.dt)
