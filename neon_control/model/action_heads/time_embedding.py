"""Time in [0, 1] to a vector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class TimeEmbedding(nn.Module):
    """[cos(w_k t), sin(w_k t)] -> Linear -> SiLU -> Linear.

    The frequencies w_k grow geometrically from pi / 2 (one quarter turn over the whole path) to 100 pi.
    """

    def __init__(self, dim: int, num_frequencies: int = 64) -> None:
        super().__init__()
        exponents = torch.linspace(math.log(0.5 * math.pi), math.log(100.0 * math.pi), num_frequencies)
        self.register_buffer("frequencies", exponents.exp(), persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * num_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, dim)."""
        angles = t.unsqueeze(-1) * self.frequencies
        return self.layers(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))
