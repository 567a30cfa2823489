"""A limit of the joints' jerk: their targets are smoothed in front of the envelope, which stays what it is and has the last word.

A motion within the limits of range, velocity and acceleration is averaged over its last n periods. Its acceleration a then changes by
(a_k - a_(k-n)) / n from one period to the next, which is at most 2 max_acceleration / n. So with

    n = 2 max_acceleration / (max_jerk dt), rounded up

the jerk stays below its limit. The limits of range, velocity and acceleration are kept by every mean of motions that keep them, and so is
the room that braking needs before an end of the range: the envelope finds nothing left to limit. A mean cannot overshoot, and a target
that stands is met exactly. What it costs is a `delay` of n / 2 periods, the same for all joints and speeds. Who gives targets earlier by so
much is followed on time; what changes within n periods is rounded: a sine of f Hz keeps sinc(n dt f) of its height.

One n, the largest, holds for all joints, so that they stay in step and a hand keeps its way.

Stops, and what is taken up after a stall, are the envelope's alone, as hard and as short as without this file. Nobody tells it of them:
where the envelope is not where it was led, the mean begins anew from there, as if the joint had always moved with the velocity that it has.
"""

from __future__ import annotations

import copy

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.control.limits import Limiter
from neon_control.core.robot.robot import Robot

MOST_DELAY = 0.2  # [s] by which targets may be given earlier: a chunk that ends sooner has nothing to say by then
_ELSEWHERE = 1e-9  # [rad] from where the envelope was led to; rounding is a thousandth of it


class Smoothing:
    """Of the first J axes of `envelope`.

    Args:
        periods: n.

    Attributes:
        delay: [s] of what is commanded, behind what the envelope alone would command.
    """

    def __init__(self, envelope: Limiter, size: int, periods: int) -> None:
        self._envelope, self._joints, self._dt = envelope, slice(0, size), envelope.dt
        self._limiter = envelope.of(self._joints)
        self._way = np.zeros((periods, size))  # the last n values of the motion that is averaged, in a ring
        self._newest = 0  # row
        self._mean = np.zeros(size)
        self._led = np.full((2, size), np.inf)  # value and rate of the envelope, if it went where it was led: nowhere, yet
        self.delay = 0.5 * periods * self._dt

    def copied(self, envelope: Limiter) -> Smoothing:
        """One that goes on by itself in front of a copy of the envelope, also in another thread."""
        same = copy.copy(self)
        same._envelope, same._limiter = envelope, self._limiter.copied()
        same._way, same._mean, same._led = self._way.copy(), self._mean.copy(), self._led.copy()
        return same

    def smooth(self, target: np.ndarray) -> np.ndarray:
        """What the envelope is to be given for `target` (J,) or (J + 3,) in its next step."""
        self._take_up()
        self._newest = (self._newest + 1) % len(self._way)
        newest = self._way[self._newest] = self._limiter.step(target[self._joints])
        before, self._mean = self._mean, newest + (self._way - newest).sum(axis=0) / len(self._way)  # exactly `newest`, when that stands
        self._led[0], self._led[1] = 0.5 * (self._mean + before), (self._mean - before) / self._dt
        return np.concatenate([self._mean, target[len(newest) :]])

    def leave(self) -> Limiter:
        """The motion that is averaged, `delay` ahead of the envelope, from where nothing is made up for of what was wanted so far."""
        self._take_up()
        self._limiter.leave(slice(None))
        return self._limiter

    def _take_up(self) -> None:
        value, rate = self._envelope.value[self._joints], self._envelope.rate[self._joints]
        elsewhere = np.flatnonzero(np.abs(value - self._led[0]) + self._dt * np.abs(rate - self._led[1]) > _ELSEWHERE)
        if elsewhere.size:
            self._begin(elsewhere, value[elsewhere], rate[elsewhere])

    def _begin(self, axes: np.ndarray, value: np.ndarray, rate: np.ndarray) -> None:
        """As if these `axes` (A,) had come to `value` with `rate` evenly, so that the mean goes on from there. From outside: at the end."""
        limiter, half = self._limiter, 0.5 * self._dt
        lower, upper = limiter.lower[axes], limiter.upper[axes]
        led = np.where((value < lower) | (value > upper), 0.0, rate)
        newest = np.clip(value + self.delay * led, lower, upper)
        ages = self._dt * ((self._newest - np.arange(len(self._way))) % len(self._way))  # (n,) [s]
        self._way[:, axes] = newest - ages[:, None] * led
        self._mean[axes] = np.clip(value + half * led, lower, upper)
        limiter.put(axes, newest, led, newest + half * led)
        self._envelope.put(axes, value, rate, self._mean[axes])


def smoothing_for(robot: Robot, joint_names: tuple[str, ...], envelope: Limiter) -> Smoothing | None:
    """What keeps `joint_names`, the first axes of `envelope`, below their limits of the jerk; None: the envelope does, or there are none.

    Raises:
        ConfigError: targets would have to be known too early.
    """
    jerk, change = robot.limits(joint_names, "max_jerk"), envelope.max_change[: len(joint_names)]
    periods = np.ceil(2.0 * change / (jerk * envelope.dt) - 1e-9)
    worst = int(periods.argmax())
    if periods[worst] <= 1:
        return None
    built = Smoothing(envelope, len(joint_names), int(periods[worst]))
    if built.delay > MOST_DELAY:
        raise ConfigError(
            f"robot {robot.name}: joint {joint_names[worst]}: from an acceleration of {change[worst]:.3f} rad/s^2 to none takes "
            f"{built.delay:.3f} s at a jerk of {jerk[worst]:.3f} rad/s^3; needed are {MOST_DELAY} s or less: lower max_acceleration, or "
            "raise max_jerk"
        )
    return built
