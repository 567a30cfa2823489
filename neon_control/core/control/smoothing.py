"""A limit of the joints' jerk: their targets are smoothed in front of the envelope, which stays what it is and has the last word.

A motion within the limits of range, velocity and acceleration is averaged over its last n periods. Its acceleration a then changes by
(a_k - a_(k-n)) / n from one period to the next, which is at most 2 max_acceleration / n. So with

    n = 2 max_acceleration / (max_jerk dt), rounded up

the jerk stays below its limit. Range, velocity and acceleration limits are kept by every mean of motions that keep them, and so is the room
that braking needs before an end of the range: the envelope finds nothing to limit. A mean cannot overshoot, and a target that stands is met
exactly. What it costs is a delay of n / 2 periods, the same for all joints and speeds: `delay`, by which targets are to be given earlier, so
that a plan is followed on time. What changes within n periods is rounded: a sine of f Hz keeps sinc(n dt f) of its height.

One n, the largest, holds for all joints, so that they stay in step and a hand keeps its way.

Whoever brakes, takes the motion up elsewhere or holds a joint tells this file nothing: where the envelope is not where it was led, the mean
begins anew from there, as if the joint had always moved with the velocity that it has. That costs up to one change of the acceleration
without a limit of the jerk; braking itself is the envelope's, and as hard as without this file.
"""

from __future__ import annotations

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

    def smooth(self, target: np.ndarray) -> np.ndarray:
        """What the envelope is to be given for `target` (J,) or (J + 3,) in its next step."""
        value, rate, last = self._envelope.state(self._joints)
        elsewhere = np.abs(value - self._led[0]) + self._dt * np.abs(rate - self._led[1]) > _ELSEWHERE
        if elsewhere.any():
            self._begin(elsewhere, value, rate)
            last[elsewhere] = self._mean[elsewhere]
            self._envelope.restore(self._joints, (value, rate, last))
        self._newest = (self._newest + 1) % len(self._way)
        newest = self._way[self._newest] = self._limiter.step(target[self._joints])
        before, self._mean = self._mean, newest + (self._way - newest).mean(axis=0)  # exactly `newest`, when that stands
        self._led[0], self._led[1] = 0.5 * (self._mean + before), (self._mean - before) / self._dt
        return np.concatenate([self._mean, target[len(newest) :]])

    def _begin(self, axes: np.ndarray, value: np.ndarray, rate: np.ndarray) -> None:
        """As if these axes (J,) of bool had come to `value` with `rate`, so that the mean goes on evenly from there."""
        limiter, value, rate = self._limiter, value[axes], rate[axes]
        lower, upper = np.minimum(limiter.lower[axes], value), np.maximum(limiter.upper[axes], value)
        newest = np.clip(value + self.delay * rate, lower, upper)
        limiter.put(axes, newest, rate)
        ages = self._dt * ((self._newest - np.arange(len(self._way))) % len(self._way))  # (n,) [s]
        self._way[:, axes] = newest - ages[:, None] * rate
        self._mean[axes] = value + 0.5 * self._dt * rate


def smoothing_for(robot: Robot, joint_names: tuple[str, ...], envelope: Limiter) -> Smoothing | None:
    """What keeps `joint_names`, the first axes of `envelope`, below their limits of the jerk; None: the envelope alone does, or there are none.

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
            f"{built.delay:.3f} s at a jerk of {jerk[worst]:.3f} rad/s^3; at most {MOST_DELAY} s, so lower max_acceleration or raise max_jerk"
        )
    return built
