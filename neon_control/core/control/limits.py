"""The safety envelope: a commanded value never leaves its range, and neither its rate nor the change of its rate exceed a limit.

For joints the value is the position [rad], its rate the velocity [rad/s], the change the acceleration [rad/s^2]. For the
base the value is the velocity [m/s, rad/s], its rate the acceleration, the change the jerk. Both are axes of the same `Limiter`.

One step of length dt, per axis, from the last command x with rate v, towards a target q that was p one step ago:

    1. a q that is not finite is replaced by p
    2. q is moved into [lower, upper]
    3. v' = (q - p) / dt + reach(p - x - v dt / 2), moved into [-max_rate, max_rate]
    4. v' is moved into [v - max_change dt, v + max_change dt]
    5. v' is held to reach(upper - x - v dt / 2) and -reach(x - lower + v dt / 2)
    6. x' = x + (v + v') dt / 2

So the change of the rate is constant between two steps, and the cubic that a controller draws from (x, v) to (x', v') is that parabola
itself: what lies between two commands keeps the limits, too.

`reach(d)` is the largest rate v' from which x can still come to rest, where d is left for it after the v dt / 2 that this step covers
whatever v' is: counted in whole steps, a rate of (n + f) c, with c = max_change dt and 0 <= f < 1, covers ((n + 1) (n / 2 + f)) c dt, the
v' dt / 2 of this step included. Step 3 follows the middle of the target's last two values, (p + q) / 2, exactly: trapezia over the slopes
of a line with corners end in the middle of its pieces. So a target that is given half a period early is followed without lag. A
remaining error is taken up as fast as it can be stopped, and since reach(d) dt <= d, a target that stands or jumps on is reached
exactly, without overshoot.
Step 5 counts on a share of max_change only. Who is taken up again somewhere on an even way to rest, between two whole steps, has
less room than whole steps need, and brakes up to 4 / 3 as hard: 1.2 times max_change then.
It never needs more braking than step 4 allows, since the step before already held to it.

An axis without a limit of the change has no rate that lasts: its rate jumps, and x' = x + v' dt.
Everything starts from the last *command*, never from a measurement, so that no noise is amplified.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.robot import BASE_AXES, Robot

_ROUNDING = 1e-9  # relative: a limit that is met exactly has not bitten
_NONE = slice(0, 0)
RANGE_SHARE = 0.9  # of the largest change, with which an axis brakes before an end of its range
COUNTERS = ("non_finite", "range", "rate", "change")
MIN_TIME = 0.001  # [s] shortest `RestPath`: an axis that all but stands would rest within nanoseconds
MIN_GAP = 1e-6  # [s] between two of its points


class RestPath(NamedTuple):
    """K instants, at the last of which A axes are at rest; in between each axis brakes evenly."""

    times: np.ndarray  # (K,) [s] after the last command, increasing
    values: np.ndarray  # (K, A)
    rates: np.ndarray  # (K, A)


class Limiter:
    """Limits D axes of one command stream.

    Args:
        names: the axes, for counters and messages.
        lower, upper: (D,) range of the value.
        max_rate: (D,) largest rate [value/s].
        max_change: (D,) largest change of the rate [value/s^2]; infinite: none.
        dt: [s] time between two steps.

    Attributes:
        value: (D,) the last command.
        rate: (D,) its rate.
    """

    def __init__(
        self, names: Sequence[str], lower: np.ndarray, upper: np.ndarray, max_rate: np.ndarray, max_change: np.ndarray, dt: float
    ) -> None:
        self.names = tuple(names)
        self.dt = dt
        self.lower, self.upper, self.max_rate = lower, upper, max_rate
        # A change that covers the whole band of rates in one step is no limit; it keeps the arithmetic finite.
        self.max_change = np.minimum(max_change, 2.0 * max_rate / dt)
        self.allowed_rate = max_rate.copy()  # (D,) with which a target is followed; may be set lower
        self._carried = np.where(np.isfinite(max_change), 0.5 * dt, 0.0)  # (D,) [s] for which the rate before lasts in a step
        self._left = dt - self._carried  # (D,) [s] and the new one
        self._step = self.max_change * dt  # (D,) largest change of the rate in one step
        shares = np.array([1.0, RANGE_SHARE, RANGE_SHARE])  # for a target, and for either end
        self._braking = shares[:, None] * self._step  # (3, D) change of the rate that braking may count on
        self._unit = self._braking * dt  # (3, D) and the distance that this rate covers in one step
        self._distances = np.zeros((3, len(self.names)))
        self._tolerance = _ROUNDING * max_rate
        self._met = self._tolerance * dt  # (D,) a target that is nearer is reached
        self._stages = np.zeros((6, len(self.names)))  # of one step: target, inside, wanted, limited, changed, held
        self._non_finite = np.zeros(len(self.names), dtype=np.int64)
        self._changed = np.zeros((5, len(self.names)), dtype=np.int64)  # how often each stage differed from the one before it
        self.anchor(np.clip(np.zeros(len(self.names)), lower, upper))

    def of(self, axes: slice) -> Limiter:
        """One with the limits of some axes, each with one of the change; what it limits counts here."""
        part = Limiter(self.names[axes], self.lower[axes], self.upper[axes], self.max_rate[axes], self.max_change[axes], self.dt)
        part._non_finite, part._changed = self._non_finite[axes], self._changed[:, axes]
        return part

    def copied(self) -> Limiter:
        """One that goes on by itself from where this one is, also in another thread; what it limits counts nowhere."""
        same = copy.copy(self)
        same._stages, same._distances = np.empty_like(self._stages), np.empty_like(self._distances)
        same._non_finite, same._changed = np.zeros_like(self._non_finite), np.zeros_like(self._changed)
        same._target, same.allowed_rate = self._target.copy(), self.allowed_rate.copy()
        return same

    @property
    def counts(self) -> dict[str, np.ndarray]:
        """How often each limit bit, for each of `COUNTERS` (D,) integers."""
        inside, _, rate, change, held = self._changed  # the second is no limit: from a position to the rate that leads there
        return dict(zip(COUNTERS, (self._non_finite, inside + held, rate, change), strict=True))

    @property
    def outside(self) -> np.ndarray:
        """(D,) whether the value lies outside its range, where an anchor put it."""
        return np.asarray((self.value < self.lower) | (self.value > self.upper))

    @property
    def rests(self) -> bool:
        """Whether no value moves: a pose that is held may be missed by the last digit, and sought to and fro for ever."""
        return bool((np.abs(self.rate) <= self._tolerance).all())

    def anchor(self, value: np.ndarray) -> None:
        """Begin anew from `value` (D,) at rest, for example from the measured pose. It may lie outside the range."""
        self.value = np.array(value, dtype=np.float64)
        self.rate = np.zeros(len(self.names))
        self._target = self.value.copy()

    def step(self, target: np.ndarray, braking: slice | np.ndarray = _NONE) -> np.ndarray:
        """The next command (D,) towards `target` (D,); the axes `braking`, a slice or (D,) of bool, take the shortest way to rest."""
        stages = self._stages
        wished, inside, wanted, limited, changed, held = stages
        wished[:] = target
        finite = np.isfinite(wished)
        if not finite.all():
            self._non_finite += ~finite
            wished[~finite] = self._target[~finite]
        np.minimum(np.maximum(wished, self.lower), self.upper, out=inside)

        carried = self.value + self.rate * self._carried  # (D,) where this step leads whatever its rate is
        error = self._target - carried
        to_target, to_upper, to_lower = distances = self._distances
        np.abs(error, out=to_target)
        np.subtract(self.upper, carried, out=to_upper)
        np.subtract(carried, self.lower, out=to_lower)
        catch_up, up, down = self._reach(np.maximum(distances, 0.0))
        np.add((inside - self._target) / self.dt, np.copysign(catch_up, error), out=wanted)
        wanted[braking] = 0.0
        np.minimum(np.maximum(wanted, -self.allowed_rate), self.allowed_rate, out=limited)
        np.minimum(np.maximum(limited, self.rate - self._step), self.rate + self._step, out=changed)
        np.minimum(np.maximum(changed, -down), up, out=held)
        self._changed += np.abs(stages[1:] - stages[:-1]) > self._tolerance

        value = carried + held * self._left
        # Against rounding: a target that is reached is met exactly (zero is zero), and nothing leaves the range by an ulp.
        # A value that began outside stays outside until it has come in at the allowed rate.
        value = np.where(np.abs(inside - value) <= self._met, inside, value)
        self.value = np.minimum(np.maximum(value, np.minimum(self.lower, self.value)), np.maximum(self.upper, self.value))
        self.rate = held.copy()
        self._target = inside.copy()
        self._target[braking] = self.value[braking]
        return self.value

    def brake(self) -> np.ndarray:
        """The next command (D,) on the shortest way to rest."""
        return self.step(self._target, slice(None))

    def rest_path(self, axes: slice = slice(None), share: float = 1.0) -> RestPath:
        """How `axes` come to rest from the last command: they brake evenly and end together, so that the one that needs longest sets
        the time and none changes its rate faster than a `share` of what is allowed. An axis that has no room for this ends sooner, at the
        end of its range.
        """
        start, rate = self.value[axes], self.rate[axes]
        speed = np.abs(rate)
        together = max(float((speed / self.max_change[axes]).max()) / share, MIN_TIME)
        room = np.where(rate > 0.0, self.upper[axes] - start, start - self.lower[axes])
        short = speed * together > 2.0 * room
        if not short.any():  # nearly always, and unlike the rest below it costs next to nothing
            return RestPath(np.array([together]), (start + rate * together * 0.5)[None], np.zeros((1, len(rate))))
        short &= speed > 0.0  # who stands outside
        ends = np.full(len(rate), together)  # (A,) [s]
        ends[short] = 2.0 * np.maximum(room[short], 0.0) / speed[short]
        times = np.sort(np.maximum(ends, MIN_TIME))
        times = times[np.append(times[1:] - times[:-1] > MIN_GAP, True)]
        braking = np.minimum(times[:, None], ends)
        share = np.divide(braking, ends, out=np.ones_like(braking), where=ends > 0.0)
        rates = rate * (1.0 - share)
        rates[-1] = 0.0
        return RestPath(times, start + rate * braking * (1.0 - 0.5 * share), rates)

    def put(self, axes: slice | np.ndarray, value: np.ndarray, rate: np.ndarray, target: np.ndarray | None = None) -> None:
        """Go on from `value` with `rate` on some axes, as whoever follows the commands does; `target`: the last one, if there was any."""
        self.value, self.rate = self.value.copy(), self.rate.copy()
        self.value[axes], self.rate[axes], self._target[axes] = value, rate, value if target is None else target

    def leave(self, axes: slice) -> None:
        """Make up for nothing of what was wanted so far, on some axes: as if it had been followed."""
        value, rate = self.value[axes], self.rate[axes]
        followed = value + self.rate[axes] * self._carried[axes]
        self.put(axes, value, rate, np.clip(followed, np.minimum(self.lower[axes], value), np.maximum(self.upper[axes], value)))

    def state(self, axes: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value, rate and last target of some axes, for `restore`."""
        return self.value[axes].copy(), self.rate[axes].copy(), self._target[axes].copy()

    def restore(self, axes: slice, state: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Undo the steps of some axes since `state`."""
        self.put(axes, *state)

    def _reach(self, distance: np.ndarray) -> np.ndarray:
        """The largest rate (3, D) from which `distance` (3, D) >= 0 suffices to come to rest."""
        units = distance / self._unit
        whole = np.floor((np.sqrt(1.0 + 8.0 * units) - 1.0) * 0.5)
        following = whole + 1.0
        return np.asarray((whole + (units - whole * following * 0.5) / following) * self._braking)


def envelope(robot: Robot, joint_names: tuple[str, ...], dt: float) -> Limiter:
    """The limits of a robot's command: the J positions of `joint_names`, then the 3 base velocities if it has a base.

    Raises:
        ConfigError: a joint has no limits, or limits do not fit each other at this control period.
    """
    lower, upper, rate, change = (robot.limits(joint_names, f) for f in ("safe_lower", "safe_upper", "max_velocity", "max_acceleration"))
    for name, low, high, v, a in zip(joint_names, lower, upper, rate, change, strict=True):
        unit = robot.joints[name].unit
        _check(robot, f"joint {name}", v, a, dt, f"{unit}/s")
        if v * dt > high - low:
            raise ConfigError(
                f"robot {robot.name}: joint {name} crosses its whole range of {high - low:.3f} {unit} within one period of {dt} s "
                f"at its velocity limit of {v:.3f} {unit}/s"
            )
    if robot.base is None:
        return Limiter(joint_names, lower, upper, rate, change, dt)
    base, has = robot.base, np.array(robot.base.axes)
    for name, v, a in zip(np.array(BASE_AXES)[has], base.max_velocity[has], base.max_acceleration[has], strict=True):
        _check(robot, f"base axis {name}", v, a, dt, "m/s or rad/s")
    jerk = np.full(len(BASE_AXES), np.inf) if base.max_jerk is None else np.where(has, base.max_jerk, np.inf)
    acceleration = np.where(has, base.max_acceleration, 1.0)  # what an axis has that the base has not: its range is zero
    return Limiter(
        joint_names + BASE_AXES,
        np.concatenate([lower, -base.max_velocity]),
        np.concatenate([upper, base.max_velocity]),
        np.concatenate([rate, acceleration]),
        np.concatenate([change, jerk]),
        dt,
    )


def _check(robot: Robot, what: str, velocity: float, acceleration: float, dt: float, unit: str) -> None:
    if acceleration * dt > 2.0 * velocity:
        raise ConfigError(
            f"robot {robot.name}: {what}: an acceleration of {acceleration:.3f} {unit}^2 passes through the whole velocity band of "
            f"+-{velocity:.3f} {unit} within one period of {dt} s, so it limits nothing; lower it or raise the control rate"
        )
