"""Joint positions to a feature vector."""

from __future__ import annotations

from torch import Tensor, nn

from neon_control.model.action_heads.primitives import HiddenLayer, RMSNorm


class ProprioceptionEncoder(nn.Module):
    """J normalised joint positions -> 256 -> 384 features; about 100 K parameters."""

    def __init__(self, num_joints: int, hidden_dim: int = 256, output_dim: int = 384) -> None:
        super().__init__()
        self.layers = nn.Sequential(HiddenLayer(num_joints, hidden_dim), nn.Linear(hidden_dim, output_dim), RMSNorm(output_dim))

    def forward(self, positions: Tensor) -> Tensor:
        """(B, J) in [-1, 1] -> (B, output_dim)."""
        return self.layers(positions)
