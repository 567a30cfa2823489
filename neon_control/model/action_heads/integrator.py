"""Walking from noise (t = 0) to an action (t = 1) along a predicted field, in K equal steps of time."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

Field = Callable[[Tensor, float], Tensor]  # (x, t) -> the field at x, of x's shape


def euler(velocity: Field, x: Tensor, num_steps: int) -> Tensor:
    """x <- x + v(x, t) / K at t = 0, 1/K .. (K-1)/K: exact where the velocity is constant along the line, as on a `LinearPath`."""
    for k in range(num_steps):
        x = x + velocity(x, k / num_steps) / num_steps
    return x


def ddim(angular_velocity: Field, x: Tensor, num_steps: int) -> Tensor:
    """Deterministic DDIM (Song et al. 2021, eta = 0) on a `CosinePath`: a turn by d = pi / (2 K) in the plane of x and v.

        x <- cos(d) x + sin(d) v(x, t)

    This is sin(p + d) a + cos(p + d) e for the a and e that x and v stand for: with a perfect prediction any K recovers
    the data, K = 1 gives the predicted a itself, and nothing is divided by.
    """
    d = 0.5 * math.pi / num_steps
    for k in range(num_steps):
        x = math.cos(d) * x + math.sin(d) * angular_velocity(x, k / num_steps)
    return x
