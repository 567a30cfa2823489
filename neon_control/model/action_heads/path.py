"""The path from noise to data that a generative head learns to follow. Time runs from 0 (noise) to 1 (action), everywhere.

A path says which points x_t lie between a noise e and an action a, and which field the network has to predict there.
How to walk along the field is the integrator's business (`integrator.py`), what predicts it the network's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class LinearPath:
    """Straight lines: x_t = (1 - t) e + t a, with the velocity dx/dt = a - e (Lipman et al. 2022; Liu et al. 2022, rectified flow)."""

    def point(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor:
        """x_t; noise and action (B, S, N), t (B,) in [0, 1]."""
        t = t.view(-1, 1, 1)
        return (1.0 - t) * noise + t * action

    def field(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor:
        """The velocity at x_t."""
        return action - noise


class CosinePath:
    """Diffusion with a cosine schedule, as a quarter turn: x_t = cos(p) e + sin(p) a, p = pi t / 2.

    That is the schedule of Nichol and Dhariwal (2021, eq. 17) without their offset s, which spares a noise-predicting network the
    times at which there is hardly any noise left.

    The field is the angular velocity v = dx/dp = cos(p) a - sin(p) e, the "v-prediction" of Salimans and Ho (2022) with
    time running towards the data. From x and v both ends follow without a division, at every t:

        a = sin(p) x + cos(p) v        e = cos(p) x - sin(p) v

    whereas a noise-predicting network must divide by sin(p), which is 0 where sampling starts.
    """

    def point(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor:
        """x_t; noise and action (B, S, N), t (B,) in [0, 1]."""
        p = self._angle(t)
        return torch.cos(p) * noise + torch.sin(p) * action

    def field(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor:
        """The angular velocity at x_t, per radian."""
        p = self._angle(t)
        return torch.cos(p) * action - torch.sin(p) * noise

    @staticmethod
    def _angle(t: Tensor) -> Tensor:
        return (0.5 * math.pi * t).view(-1, 1, 1)
