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
        self.num_frequencies = num_frequencies
        self.layers = nn.Sequential(nn.Linear(2 * num_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, dim)."""
        # Made anew each time, in single precision or more: rounded to bfloat16, the angles would be off by more than a radian.
        exponents = torch.linspace(math.log(0.5 * math.pi), math.log(100.0 * math.pi), self.num_frequencies, device=t.device)
        angles = t.to(torch.promote_types(t.dtype, torch.float32)).unsqueeze(-1) * exponents.exp()
        result: Tensor = self.layers(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1).to(next(self.layers.parameters()).dtype))
        return result
