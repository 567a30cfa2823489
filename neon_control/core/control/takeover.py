"""What a person wants of the joints and the base while he leads them, as functions of time: the policy's chunks have a counterpart.

A target comes now and then, for all joints or for some. It is approached on a straight line, from what was wanted at the last instant that
is decided on already, within `approach`, or as much later as `speed` demands. So a stream of targets becomes a line with small corners
instead of stairs, and a far target is no dash. A trajectory is followed by its own times, from the first point on that is not too near.

Joints that no target names are held where they were when the person took over: where the policy's motion came to rest, grippers where they
were sent. Targets from before that count only if they are not older than the dead-man's `timeout`, as those of a leader arm are: nobody is
led to where a slider was left the last time.

The base drives as it was told last, and stands once that is older than `base_timeout`.

Instants are nanoseconds on the clock of the stamps; what is called `steady` is on one that nobody sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from neon_control.core.common.errors import ChunkError
from neon_control.core.common.fields import setting
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.dead_man import DeadMan, Hold
from neon_control.core.control.ensemble import Ensemble
from neon_control.core.control.sources import SourceGuard
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.robot.turns import unrolled
from neon_control.core.sensing.measured import MAX_FUTURE

ENABLE, TARGETS, DRIVE = "takeover_enable", "takeover_joints", "takeover_base"  # as counters call them
WAITING = 8  # sets of joints whose targets are kept until somebody takes over
NOWHERE = 2**62  # [ns]


@dataclass(frozen=True)
class TakeoverSettings:
    """How a person may lead the robot."""

    FURTHER_FIELDS: ClassVar[bool] = True

    timeout: float = setting(
        0.08,
        "stop when takeover/enable was true and is silent for longer; it should come three times as often",
        unit="s",
        minimum=0.02,
        maximum=2.0,
    )
    base_timeout: float = setting(0.25, "the base stands when takeover/base is older", unit="s", minimum=0.02, maximum=2.0)
    ramp: float = setting(0.3, "time from the policy's motion to the person's", unit="s", minimum=0.0, maximum=10.0)
    approach: float = setting(0.05, "time in which a target is approached, at least", unit="s", minimum=0.0, maximum=2.0)
    speed: float = setting(0.5, "share of the joints' velocity limits with which a target is approached", minimum=0.01, maximum=1.0)


class Target(NamedTuple):
    """Where some joints are to go."""

    columns: np.ndarray  # (A,) places among the J
    offsets: np.ndarray  # (P,) [ns] from when it counts, increasing; one 0: at once
    rows: np.ndarray  # (P, A) [rad]


class _Line(NamedTuple):
    """A way of some joints, linear between its points and at rest after the last one."""

    columns: np.ndarray  # (A,)
    times: np.ndarray  # (P,) [ns]
    rows: np.ndarray  # (P, A)

    def at(self, instant: int) -> np.ndarray:
        right = int(self.times.searchsorted(instant, side="right"))
        if right in (0, len(self.times)):
            return np.asarray(self.rows[min(right, len(self.times) - 1)])
        share = (instant - int(self.times[right - 1])) / (int(self.times[right]) - int(self.times[right - 1]))
        return np.asarray(self.rows[right - 1] + share * (self.rows[right] - self.rows[right - 1]))


@dataclass
class Foretold:
    """What a person wants, as far as it is known, for as long as the policy's newest chunk reaches: read as `Ensemble` is."""

    newest_dt: float  # [s] of that chunk
    num_steps: int  # of it
    end: int  # [ns] of it
    wanted: Callable[[int], np.ndarray]

    def evaluate(self, t: int) -> np.ndarray | None:
        """(D,) at instant t [ns], None after the end."""
        return None if t > self.end else self.wanted(t)


class Takeover:
    """See the module's text. For one thread.

    Args:
        joint_names: the J joints that are commanded.

    Attributes:
        dead_man: who says whether a person leads.
        count: how often somebody took over.
        accepted: messages of each of `ENABLE`, `TARGETS`, `DRIVE`.
        rejected: "stream/reason" -> how many were refused.
        complaint: about the newest one of these; empty: none yet.
    """

    def __init__(self, robot: Robot, joint_names: tuple[str, ...], settings: TakeoverSettings) -> None:
        self.settings = settings
        self.dead_man = DeadMan(settings.timeout)
        self._places, self._known = {name: i for i, name in enumerate(joint_names)}, frozenset(robot.joints)
        self._turning = np.array([name in robot.wire.turning for name in joint_names])
        self._speed = settings.speed * robot.limits(joint_names, "max_velocity")
        self._approach = round(settings.approach * NANOSECONDS)
        self.count = 0
        self.accepted: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.complaint = ""
        self.restart()

    def restart(self) -> None:
        """Nothing was heard; a button that was let go stays so, as a latched e-stop does."""
        self._guards = {stream: SourceGuard(self.settings.timeout) for stream in (TARGETS, DRIVE)}
        self._held = np.zeros(len(self._places))
        self._told = 0  # [ns] the last instant that is decided on
        self._lines: list[_Line] = []
        self._waiting: dict[bytes, tuple[int, Target]] = {}  # [ns, steady] when it came
        self._targeted = self._driven = -NOWHERE  # [ns, steady] when the newest one came
        self._drive = np.zeros(len(BASE_AXES))

    # --- what is heard ---

    def enable(self, pressed: bool, source: object, steady: int) -> None:
        """The button is said to be held, or not, by a publisher; ChunkError as of `DeadMan.hear`."""
        self.dead_man.hear(pressed, source, steady)
        self.accepted[ENABLE] += 1

    def aim(
        self, names: Sequence[str], rows: np.ndarray, offsets: np.ndarray | None, stamp: int, source: object, now: int, steady: int
    ) -> None:
        """A target for some joints: `rows` (P, names) [rad] at `offsets` (P,) [ns] after `stamp` [ns], None: one row, at once.

        Joints of the robot that are not commanded do not matter.

        Args:
            stamp: 0: `now`, the time of the arrival [ns].

        Raises:
            ChunkError: with reason `joint_names` (repeated, none of ours, or one that the robot has not), `shape`, `dt` (offsets do not
                increase), `non_finite`, `late` or `future` (by the stamp), `other_publisher`.
        """
        columns, picked = self._columns(names)
        if rows.shape != (1 if offsets is None else len(offsets), len(names)) or not rows.size:
            raise ChunkError("shape", f"positions have shape {rows.shape}, needs a position for each of {len(names)} joints")
        if not np.isfinite(rows[:, picked]).all():
            raise ChunkError("non_finite", "NaN or infinity in a target")
        if offsets is not None and ((np.diff(offsets) <= 0).any() or offsets[0] < 0):
            raise ChunkError("dt", f"time_from_start must increase strictly from >= 0, got {np.round(offsets * 1e-9, 4).tolist()} s")
        offsets = np.zeros(1, dtype=np.int64) if offsets is None else offsets
        age = (now - stamp) / NANOSECONDS if stamp else 0.0
        self._check_age(age - float(offsets[-1]) / NANOSECONDS, age, self.settings.base_timeout)
        self._guards[TARGETS].accept(source, steady)
        target = Target(columns, offsets + ((stamp or now) - now), np.array(rows[:, picked], dtype=np.float64))
        self.accepted[TARGETS] += 1
        self._targeted = steady
        if self.dead_man.state is Hold.HELD:
            self._lead(target, now)
        else:
            key = columns.tobytes()
            self._waiting.pop(key, None)
            self._waiting[key] = steady, target
            if len(self._waiting) > WAITING:
                del self._waiting[next(iter(self._waiting))]

    def drive(self, velocity: np.ndarray, stamp: int, source: object, now: int, steady: int) -> None:
        """A velocity of the base, as the six numbers of a twist: (6,) linear, then angular.

        Raises:
            ChunkError: with reason `non_finite`, `shape` (not in the plane), `late`, `future` or `other_publisher`.
        """
        if not np.isfinite(velocity).all():
            raise ChunkError("non_finite", "NaN or infinity in a velocity of the base")
        if velocity[2:5].any():
            raise ChunkError("shape", "the base moves in the plane: linear.z, angular.x and angular.y must be zero")
        age = (now - stamp) / NANOSECONDS if stamp else 0.0
        self._check_age(age, age, self.settings.base_timeout)
        self._guards[DRIVE].accept(source, steady)
        self._drive, self._driven = velocity[[0, 1, 5]], steady
        self.accepted[DRIVE] += 1

    def reject(self, stream: str, error: ChunkError) -> None:
        """Count a message that was refused, and keep why."""
        self.rejected[f"{stream}/{error.reason}"] += 1
        self.complaint = f"{stream.replace('_', '/')} refused ({error.reason}): {error}"

    def _columns(self, names: Sequence[str]) -> tuple[np.ndarray, list[int]]:
        """Places of the commanded ones among our joints, and in the message."""
        picked = [i for i, name in enumerate(names) if name in self._places]
        unknown = sorted(set(names) - self._known)
        if unknown or not picked or len(set(names)) != len(names):
            repeated = sorted({name for name in names if list(names).count(name) > 1})
            raise ChunkError("joint_names", f"the robot has no joints {unknown}; repeated: {repeated}; commanded here: {len(picked)}")
        return np.array([self._places[names[i]] for i in picked], dtype=np.intp), picked

    @staticmethod
    def _check_age(over: float, age: float, limit: float) -> None:
        if over > limit:
            raise ChunkError("late", f"a target of {age:.3f} s ago; {limit} s is allowed, clocks and network included")
        if age < -MAX_FUTURE:
            raise ChunkError("future", f"the stamp lies {-age:.3f} s ahead of this clock; {MAX_FUTURE} s is allowed")

    # --- what is wanted ---

    @property
    def state(self) -> Hold:
        """As of the last `update`."""
        return self.dead_man.state

    def begin(self, instant: int, held: np.ndarray, now: int, steady: int) -> None:
        """A person takes over: joints without a target of his stay at `held` (J,) from `instant` [ns] on, the last one decided on."""
        self.count += 1
        self._held, self._told, self._lines = held.copy(), instant, []
        for came, target in self._waiting.values():
            if steady - came <= self.settings.timeout * NANOSECONDS:
                self._lead(target._replace(offsets=target.offsets - (steady - came)), now)
        self._waiting.clear()

    def hold(self, held: np.ndarray) -> None:
        """The robot stands at `held` (J,): joints without a target are to stay there."""
        self._held = held.copy()

    def joints(self, instant: int) -> np.ndarray:
        """(J,) [rad] wanted at `instant` [ns], which counts as decided on from now on."""
        self._told = max(self._told, instant)
        return self._at(instant, self._held, self._lines)

    def base(self, steady: int) -> np.ndarray:
        """(3,) [m/s, m/s, rad/s] wanted now."""
        return self._drive if steady - self._driven <= self.settings.base_timeout * NANOSECONDS else np.zeros_like(self._drive)

    def ages(self, steady: int) -> tuple[float, float]:
        """[s] of the newest target of joints, and of the base; infinite: none yet."""
        return tuple(np.inf if came == -NOWHERE else (steady - came) / NANOSECONDS for came in (self._targeted, self._driven))  # type: ignore[return-value]

    def foretold(self, streams: Mapping[str, Ensemble], joints: str, steady: int) -> dict[str, Foretold]:
        """What is known now of what will be wanted, in the place of each stream's chunks; for another thread."""
        held, lines, drive = self._held, tuple(self._lines), self.base(steady)
        wanted = {name: (lambda t: self._at(t, held, lines)) if name == joints else (lambda t: drive) for name in streams}
        return {name: Foretold(of.newest_dt, of.num_steps, of.newest_end or 0, wanted[name]) for name, of in streams.items()}

    @staticmethod
    def _at(instant: int, held: np.ndarray, lines: Sequence[_Line]) -> np.ndarray:
        wanted: np.ndarray = held.copy()
        for line in lines:
            wanted[line.columns] = line.at(instant)
        return wanted

    def _lead(self, target: Target, now: int) -> None:
        """Go on from what is wanted at the last instant that is decided on, to `target`, which counts from `now` [ns]."""
        columns, begin = target.columns, self._told
        here = self._at(begin, self._held, self._lines)[columns]
        times = now + target.offsets
        first = min(int(times.searchsorted(begin + self._approach)), len(times) - 1)  # of the points that are still to come
        rows = unrolled(target.rows[first:], np.flatnonzero(self._turning[columns]), here)
        needed = round(float((np.abs(rows[0] - here) / self._speed[columns]).max()) * NANOSECONDS)
        later = max(begin + max(self._approach, needed, 1) - int(times[first]), 0)
        kept = [(line, ~np.isin(line.columns, columns)) for line in self._lines]
        others = [line._replace(columns=line.columns[keep], rows=line.rows[:, keep]) for line, keep in kept if keep.any()]
        self._lines = [*others, _Line(columns, np.append(begin, times[first:] + later), np.vstack([here, rows]))]
