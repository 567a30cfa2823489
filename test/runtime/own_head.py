"""A head that a user might write: its loop ends when the action has settled, which no graph can hold. Imported as a plugin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neon_control.model.action_heads import RegressionHead, register_head


@register_head("settling")
class SettlingHead(RegressionHead):
    """x <- tanh(W c + x / 2), until x no longer changes."""

    def __init__(self, input_dim: int, action_dim: int, num_steps: int = 16) -> None:
        super().__init__()
        self.action_dim, self.num_steps, self.soft_cap_value = action_dim, num_steps, 1.0
        self.read = nn.Linear(input_dim, num_steps * action_dim)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, S, N)."""
        target = self.read(features).unflatten(-1, (self.num_steps, self.action_dim))
        x, change = torch.zeros_like(target), 1.0
        while change > 1e-4:
            new = torch.tanh(target + 0.5 * x)
            x, change = new, float((new - x).abs().max())
        return x
