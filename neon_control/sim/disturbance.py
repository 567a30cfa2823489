"""Pushes that bring joints off the way on which they were told to go, so that recordings show how the expert comes back.

A policy that imitates errs by a little, and then stands where no recording has been; an expert that is pushed shows the way back.
What is recorded as commanded does not hold the push: the label is what the expert wants, and the joint states say where it got to.
"""

from __future__ import annotations

import numpy as np

DURATION = 0.5  # [s] of a push: half a sine, so that nothing jumps
BETWEEN = 1.0  # [s] from one to the next, on average


class Disturbance:
    """Pushes of J joints, in steps of `dt` [s].

    Args:
        size: (J,) [rad] standard deviation of a push's height; 0 for joints that are left alone.
    """

    def __init__(self, rng: np.random.Generator, size: np.ndarray, dt: float) -> None:
        self._rng, self._size, self._dt = rng, size, dt
        self._height = np.zeros(len(size))
        self._time = -rng.exponential(BETWEEN)  # [s] since the push began; negative: until it does

    def next(self) -> np.ndarray:
        """(J,) [rad] by which the joints are pushed in this step."""
        self._time += self._dt
        if self._time > DURATION:
            self._time = -self._rng.exponential(BETWEEN)
        if self._time <= 0.0:
            self._height = self._rng.normal(0.0, self._size)
            return np.zeros(len(self._size))
        return np.asarray(self._height * np.sin(np.pi * self._time / DURATION))
