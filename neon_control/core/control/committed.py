"""Committed steps: those of a chunk that pass before it can take over, because it takes time to compute."""

from __future__ import annotations

import math

ROUNDING = 1e-6  # of a step: a delay of 3 steps, in nanoseconds, is not 4


def delay_steps(delay: float, dt: float) -> int:
    """d: how many steps of a chunk, `dt` [s] apart, begin before `delay` [s] after the observation; 0 for no delay."""
    return max(0, math.ceil(delay / dt - ROUNDING))
