"""What the executor will command over the next steps: the chunks that it follows, rolled forward through all that makes commands of them.

A policy that is asked for a new chunk has to know what can no longer be changed, because it is commanded while the policy still computes:

    observation     last step that the chunk cannot change        end of the chunk
         |---- committed ----|------------ what is foreseen ------------|
       stamp             stamp + first * dt                    stamp + (H - 1) * dt

So what is foreseen is told on the grid of the newest chunk, by the time of its observation, and begins at the last step that this chunk
cannot change any more. What was committed before that is what was foreseen when the chunks before it came. Values are those that a chunk
would have to hold to be executed like this, after ensembling, ramp and limits: what is commanded `action_latency` earlier.

It reaches to the end of the chunks, but no further ahead than the next two chunks need that take as long as the newest one did: with a
horizon of seconds, all of it would cost the process more than control does.

It is true as long as no other chunk comes, nothing stops the executor and no joint is slowed down more than now for its clearance.

While a person leads, what he wants takes the place of the chunks, on the grid of the newest one that the policy goes on to send. Of what
he will want nothing is known but his newest target, so it is told again and again.

The control thread takes an `Outlook`, which copies what the other threads may not see change; `foresee` may run in any thread, and takes
about as long as the executor's ticks of that time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.core.control.chunk import BASE, JOINTS, step_instants
from neon_control.core.control.ensemble import Ensemble
from neon_control.core.control.leaving import Leaving
from neon_control.core.control.limits import Limiter
from neon_control.core.control.ramp import Ramp
from neon_control.core.control.smoothing import Smoothing
from neon_control.core.control.takeover import Foretold
from neon_control.core.robot.action_space import BASE_NAMES
from neon_control.core.robot.turns import Aim

SPARE = 0.5  # [s] how much further than two chunks take is foreseen: images do not come at once


@dataclass(frozen=True)
class Foreseen:
    """P steps of one stream on the grid of a chunk; none: no policy is followed, and what was foreseen before does not hold any more."""

    stamp: int  # [ns] of the newest observation that is followed
    first: int  # the first of the steps, counted from that observation: the last one that could not be changed by its chunk
    dt: float  # [s] between two steps
    names: tuple[str, ...]  # of the D columns, as of a chunk's stream
    values: np.ndarray  # (P, D) joint positions [rad], or velocities of the base [m/s, m/s, rad/s]

    @property
    def delay(self) -> int:
        """How many steps of the newest chunk had passed, or were committed, before it could change anything."""
        return self.first + 1

    @property
    def instants(self) -> np.ndarray:
        """(P,) [ns] of the steps."""
        return step_instants(self.stamp, self.first + np.arange(len(self.values)), self.dt)


def nothing(names: tuple[str, ...]) -> Foreseen:
    """No policy is followed."""
    return Foreseen(0, 0, 0.0, names, np.zeros((0, len(names))))


Rows = tuple[np.ndarray, np.ndarray]  # times (K,) [ns] of commands, and these (K, D)


@dataclass
class Followed:
    """What the executor follows after a tick, as copies of its own parts; all of them are changed by `Outlook.foresee`."""

    motion: Rows  # of the joints, up to the instant up to which it is told
    drives: Rows  # of the base, up to the tick
    stamp: int  # [ns] of the newest chunk of both streams
    step: int  # [ns] control period
    latency: int  # [ns] by which chunks are followed early
    ahead: int  # [ns] by which targets of joints are early, `latency` included
    wanted: Mapping[str, Ensemble | Foretold]  # of each stream
    limiter: Limiter
    smoothing: Smoothing | None
    aim: Aim
    target: Callable[[np.ndarray], np.ndarray]  # what grippers make of a target
    ramp: Ramp | None  # None: it is over
    leaving: Leaving  # where the ramp began
    drivable: Callable[[np.ndarray], np.ndarray] | None  # what a base can drive of a velocity


@dataclass(frozen=True)
class Outlook:
    """What there is to tell after a tick.

    Attributes:
        broken: what was foreseen before does not hold any more.
    """

    joint_names: tuple[str, ...]
    has_base: bool
    broken: bool
    followed: Followed | None

    def after(self, before: Outlook | None) -> Outlook:
        """The same, if the one before was never told."""
        return self if before is None or not before.broken else Outlook(self.joint_names, self.has_base, True, self.followed)

    @property
    def nothing(self) -> dict[str, Foreseen]:
        """For each stream that no policy is followed."""
        return {JOINTS: nothing(self.joint_names), **({BASE: nothing(BASE_NAMES)} if self.has_base else {})}

    def foresee(self) -> dict[str, Foreseen]:
        """For each stream what will be commanded; to be called once. Without a policy that is followed: nothing."""
        if self.followed is None:
            return self.nothing
        joints, base = _rolled(self.followed, len(self.joint_names))
        told = {JOINTS: _on_grid(self.followed, JOINTS, self.joint_names, self.followed.motion, joints)}
        if self.has_base:
            told[BASE] = _on_grid(self.followed, BASE, BASE_NAMES, self.followed.drives, base)
        return told

    def tidings(self) -> Iterator[dict[str, Foreseen]]:
        """All that is to be told, in order; `foresee` is called on the way."""
        if self.broken:
            yield self.nothing
        if self.followed is not None:
            yield self.foresee()


def _on_grid(of: Followed, stream: str, names: tuple[str, ...], told: Rows, rolled: Rows) -> Foreseen:
    """What was commanded and will be, at the steps of the newest chunk from the last one on that was told."""
    source = of.wanted[stream]
    dt = source.newest_dt
    times, rows = np.concatenate([told[0], rolled[0]]) + of.latency, np.concatenate([told[1], rolled[1]])
    begin, end = ((int(time) + of.latency - of.stamp) / (dt * NANOSECONDS) for time in (told[0][0], told[0][-1]))
    first = max(math.floor(end + 1e-6), math.ceil(begin - 1e-6), 0)
    last = min(math.floor((int(times[-1]) - of.stamp) / (dt * NANOSECONDS) + 1e-6), source.num_steps - 1)
    steps = np.arange(first, last + 1)
    seconds = (times - of.stamp) * 1e-9  # (K,) small numbers: an instant in ns is more than a double holds
    values = np.column_stack([np.interp(steps * dt, seconds, column) for column in rows.T])
    return Foreseen(of.stamp, first, dt, names, values.reshape(-1, len(names)))


def _rolled(of: Followed, size: int) -> tuple[Rows, Rows]:
    """The next commands of both streams, for as long as both have targets."""
    limiter, joints, base = of.limiter, of.wanted[JOINTS], of.wanted.get(BASE)
    drivable = of.drivable or (lambda velocity: velocity)
    end, now = int(of.motion[0][-1]), int(of.drives[0][-1])
    reach = round(SPARE * NANOSECONDS) + 2 * max(now - of.stamp, 0)  # [ns]
    rows: list[np.ndarray] = []
    drives: list[np.ndarray] = []
    while (passed := (len(rows) + 1) * of.step) <= reach:
        wanted = joints.evaluate(end + passed + of.ahead)
        drive = None if base is None else base.evaluate(now + passed + of.latency)
        if wanted is None or (base is not None and drive is None):
            break
        wanted = of.aim.next(wanted, limiter.value[:size])
        target = of.target(wanted if drive is None else np.concatenate([wanted, drive]))
        if of.ramp is not None:
            target = of.ramp.between(of.leaving.at(end + passed + of.step // 2, target), target, end + passed)
        limiter.step(target if of.smoothing is None else of.smoothing.smooth(target))
        rows.append(limiter.value[:size])
        drives.append(drivable(limiter.value[size:]))
    count = np.arange(1, len(rows) + 1, dtype=np.int64) * of.step
    axes = len(limiter.value) - size
    return (end + count, np.reshape(rows, (-1, size))), (now + count, np.reshape(drives, (len(rows), axes)))
