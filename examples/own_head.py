"""An action head of one's own: registered by name, built from a configuration, trained for a few steps.

To train it on recordings: neon_control train --plugins '[own_head]' --head.type linear ...
"""

import torch
from torch import Tensor, nn

from neon_control import RegressionHead, build_head, register_head


@register_head("linear")
class LinearHead(RegressionHead):
    """One matrix from features to actions, squashed to [-1, 1]."""

    def __init__(self, input_dim: int, action_dim: int, num_steps: int = 16) -> None:
        super().__init__()
        self.action_dim, self.num_steps = action_dim, num_steps
        self.read = nn.Linear(input_dim, num_steps * action_dim)

    def forward(self, features: Tensor) -> Tensor:  # (B, F) -> (B, S, N)
        return self.read(features).tanh().unflatten(-1, (self.num_steps, self.action_dim))


if __name__ == "__main__":
    torch.manual_seed(0)
    head = build_head({"type": "linear", "input_dim": 8, "action_dim": 3})
    features, actions = torch.randn(32, 8), torch.rand(32, 16, 3) - 0.5  # (B, F), (B, S, N)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.01)
    for step in range(101):
        loss = head.training_loss(features, actions)
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
