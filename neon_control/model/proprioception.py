"""Joint positions to a feature vector."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from neon_control.model.action_heads.primitives import HiddenLayer, RMSNorm


class ProprioceptionEncoder(nn.Module):
    """J normalised joint positions -> 256 -> 384 features; about 100 K parameters.

        z = W x_own + b + V_1 x_1 + V_2 x_2 + ..        x_1, x_2, ..: joints that a wider mode added
        features = RMSNorm(W' ReLU^2(RMSNorm(z)) + b')

    Each V starts at zero, and is a product of its own rather than more columns of W: a product with more columns may add up in
    another order, whereas z + 0 is z, bit for bit. A policy that was widened therefore still says what it said.

    Args:
        added: how many joints each widening brought; they are the last ones of the J.
    """

    def __init__(self, num_joints: int, hidden_dim: int = 256, output_dim: int = 384, added: Sequence[int] = ()) -> None:
        super().__init__()
        self.sizes = [num_joints - sum(added), *added]
        self.layers = nn.Sequential(HiddenLayer(self.sizes[0], hidden_dim), nn.Linear(hidden_dim, output_dim), RMSNorm(output_dim))
        self.added = nn.ModuleList(nn.Linear(size, hidden_dim, bias=False) for size in added)
        for weight in self.added.parameters():
            nn.init.zeros_(weight)

    def forward(self, positions: Tensor) -> Tensor:
        """(B, J) in [-1, 1] -> (B, output_dim)."""
        if not self.added:
            result: Tensor = self.layers(positions)
            return result
        own, *others = positions.split(self.sizes, dim=-1)
        product, *rest = *list(self.layers[0].children()), *list(self.layers)[1:]
        z: Tensor = product(own.contiguous())  # (B, hidden_dim), just as the narrower policy computes it
        for linear, other in zip(self.added, others, strict=True):
            z = z + linear(other)
        for layer in rest:
            z = layer(z)
        return z
