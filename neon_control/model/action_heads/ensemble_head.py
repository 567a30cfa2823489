"""EnsembleHead: an MLP, a flow and a diffusion transformer, mixed by a gate. (Not the temporal ensemble of chunks.)"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neon_control.model.action_heads.base import ActionHead
from neon_control.model.action_heads.dit_head import DiTActionHead
from neon_control.model.action_heads.flow_matching_head import FlowMatchingHead
from neon_control.model.action_heads.losses import squared_error, without_padding
from neon_control.model.action_heads.mlp_decoder import MLPDecoder
from neon_control.model.action_heads.prefix import Continuation, PrefixLayer, check_max_prefix, prefix_inputs, read_prefix

MLP_LAYERS = 7  # about 3 M parameters for a whole chunk


class EnsembleHead(ActionHead):
    """a = g_0 MLP(c) + g_1 Flow(c, e) + g_2 DiT(c, e),   g = softmax(W c + b),   e ~ N(0, I) shared by both.

    Loss: the sum of the members' own, and for the gate alone the continuous ranked probability score of two draws x, x'
    of the mixture (members held fixed), for each element (Gneiting and Raftery 2007):

        CRPS = (|x - a| + |x' - a|) / 2 - |x - x'| / 2

    Its minimum is the true distribution. A squared error would make the gate prefer the conditional mean, so that an
    ensemble with two generative members gave an action between two right ones.

    All members go on from committed steps (`prefix.py`), where `max_prefix` is above 0.

    Sampling: the members' own from the same noise, then the mixture: a function of features and noise.
    """

    multi_modal = True
    temporal = "self-attention"

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int = 16,
        mlp_hidden: int = 512,
        flow_hidden: int = 512,
        dit_hidden: int = 384,
        dit_layers: int = 8,
        dit_heads: int = 6,
        flow_layers: int = 4,
        num_denoise_steps: int = 4,
        *,
        dropout: float = 0.1,
        soft_cap_value: float = 1.0,
        max_prefix: int = 0,
    ) -> None:
        super().__init__()
        self.action_dim = action_dim
        self.num_steps = num_steps
        self.max_prefix = check_max_prefix("EnsembleHead", max_prefix, num_steps)
        generative: dict[str, Any] = {"dropout": dropout, "num_denoise_steps": num_denoise_steps, "soft_cap_value": soft_cap_value}
        generative["max_prefix"] = max_prefix
        self.mlp = MLPDecoder(input_dim, num_steps * action_dim, mlp_hidden, MLP_LAYERS, dropout, soft_cap_value=soft_cap_value)
        self.flow = FlowMatchingHead(input_dim, action_dim, num_steps, flow_hidden, flow_layers, **generative)
        self.dit = DiTActionHead(input_dim, action_dim, num_steps, dit_hidden, dit_layers, dit_heads, **generative)
        self.gate = nn.Linear(input_dim, 3)
        self.prefix = PrefixLayer(max_prefix, action_dim, mlp_hidden) if max_prefix else None  # the MLP's; the others have their own
        self.continuation = Continuation(num_steps, action_dim) if max_prefix else None

    def forward(
        self,
        features: Tensor,
        noise: Tensor | None = None,
        num_denoise_steps: int | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        """(B, F) -> (B, S, N); gradients flow into the gate and the MLP."""
        return self._mix(features, self.members(features, noise, num_denoise_steps, prefix, prefix_length))

    @torch.no_grad()
    def sample(
        self,
        features: Tensor,
        num_denoise_steps: int | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        """Draw a chunk for each row; arguments as of `GenerativeHead.sample`."""
        noise = self.flow.draw_noise(features, generator) if noise is None else noise
        result: Tensor = self(features, noise, num_denoise_steps, prefix, prefix_length)
        return result

    def members(
        self,
        features: Tensor,
        noise: Tensor | None = None,
        num_denoise_steps: int | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        """What each member says, (B, 3, S, N): MLP, flow, DiT."""
        noise = self.flow.draw_noise(features) if noise is None else noise
        given = prefix_inputs(prefix, prefix_length)
        drawn = [head.sample(features, num_denoise_steps, noise, **given) for head in (self.flow, self.dit)]
        return torch.stack([self._mlp_chunk(features, prefix, prefix_length), *drawn], dim=1)

    def _mlp_chunk(self, features: Tensor, prefix: Tensor | None, prefix_length: Tensor | None) -> Tensor:
        committed = read_prefix(self, prefix, prefix_length)
        added = None if committed is None or self.prefix is None else self.prefix(committed)
        chunk: Tensor = self.mlp(features, added).unflatten(-1, (self.num_steps, self.action_dim))
        return chunk if committed is None or self.continuation is None else self.continuation(chunk, committed)

    def weights(self, features: Tensor) -> Tensor:
        """The gate, (B, 3): positive, with sum 1."""
        return torch.softmax(self.gate(features), dim=-1)

    def error(  # type: ignore[override]  # what it does not take is refused by name
        self,
        features: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        generator: torch.Generator | None = None,
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        """The members' errors and the gate's score, (B, S, N)."""
        target = without_padding(target, mask)
        flow = self.flow.error(features, target, mask, generator=generator, prefix_length=prefix_length)
        dit = self.dit.error(features, target, mask, generator=generator, prefix_length=prefix_length)
        mlp = squared_error(self._mlp_chunk(features, None if prefix_length is None else target, prefix_length), target)
        return mlp + flow + dit + self.gate_error(features, target, generator, prefix_length)

    def gate_error(
        self, features: Tensor, target: Tensor, generator: torch.Generator | None = None, prefix_length: Tensor | None = None
    ) -> Tensor:
        """CRPS of the mixture, (B, S, N); only the gate and the features receive its gradient."""
        prefix = None if prefix_length is None else target
        with torch.no_grad():
            noises = [self.flow.draw_noise(features, generator) for _ in range(2)]
            members = [self.members(features, noise, None, prefix, prefix_length) for noise in noises]
        first, second = (self._mix(features, m) for m in members)
        return 0.5 * ((first - target).abs() + (second - target).abs() - (first - second).abs())

    compute_loss = ActionHead.training_loss  # as of the generative heads

    def _mix(self, features: Tensor, members: Tensor) -> Tensor:
        return torch.einsum("bm,bmsn->bsn", self.weights(features), members)
