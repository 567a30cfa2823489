"""Walking from noise (t = 0) to an action (t = 1) along a predicted field, in K equal steps of time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[[Tensor, float], Tensor]  # (x, t) -> the field at x, of x's shape
Hold = Callable[[Tensor, Tensor], Tensor]  # (x before a step, x after it) -> where it really ends: what is committed does not move


def times(num_steps: int) -> tuple[float, ...]:
    """When the integrators look at the field: 0, 1/K .. (K-1)/K."""
    return tuple(k / num_steps for k in range(num_steps))


def free(before: Tensor, after: Tensor) -> Tensor:
    """Nothing is held."""
    return after


def euler(velocity: Field, x: Tensor, num_steps: int, hold: Hold = free) -> Tensor:
    """x <- x + v(x, t) / K at t = 0, 1/K .. (K-1)/K: exact where the velocity is constant along the line, as on a `LinearPath`."""
    for t in times(num_steps):
        x = hold(x, torch.add(x, velocity(x, t), alpha=1.0 / num_steps))
    return x


def ddim(angular_velocity: Field, x: Tensor, num_steps: int, hold: Hold = free) -> Tensor:
    """Deterministic DDIM (Song et al. 2021, eq. 12 with sigma = 0) on a `CosinePath`: a turn by d = pi / (2 K) in the plane of x and v.

        x <- cos(d) x + sin(d) v(x, t)

    This is sin(p + d) a + cos(p + d) e for the a and e that x and v stand for: with a perfect prediction any K recovers
    the data, K = 1 gives the predicted a itself, and nothing is divided by.
    """
    d = 0.5 * math.pi / num_steps
    for t in times(num_steps):
        x = hold(x, torch.add(math.cos(d) * x, angular_velocity(x, t), alpha=math.sin(d)))
    return x
