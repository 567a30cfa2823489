"""Vision, audio and proprioception to the features that the action heads read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neon_control.model.action_heads.primitives import HiddenLayer, Residual


class Fusion(nn.Module):
    """A bottleneck over everything that is sensed, added to what is seen; about 4.2 M parameters.

        z = ReLU^2(RMSNorm(W_down [vision | audio | proprioception]))    864 wide
        features = W_up z + alpha vision                                 2048 wide

    The bottleneck decides what speech and posture change; the vision features themselves, among them the coordinates
    of things in the image, reach the heads unsqueezed.
    """

    def __init__(self, vision_dim: int = 2048, audio_dim: int = 384, proprioception_dim: int = 384, bottleneck_dim: int = 864) -> None:
        super().__init__()
        self.down = HiddenLayer(vision_dim + audio_dim + proprioception_dim, bottleneck_dim)
        self.up = nn.Linear(bottleneck_dim, vision_dim)
        self.residual = Residual()

    def forward(self, vision: Tensor, audio: Tensor, proprioception: Tensor) -> Tensor:
        """(B, vision_dim), (B, audio_dim), (B, proprioception_dim) -> (B, vision_dim)."""
        sensed = torch.cat([vision, audio, proprioception], dim=-1)
        result: Tensor = self.residual(self.up(self.down(sensed)), vision)
        return result
