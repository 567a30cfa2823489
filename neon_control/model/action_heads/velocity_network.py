"""The MLP that predicts a flow's velocity for the whole chunk at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.model.action_heads.attention import CrossAttention, KeysValues
from neon_control.model.action_heads.generative import FieldNetwork
from neon_control.model.action_heads.prefix import Prefix, PrefixLayer
from neon_control.model.action_heads.primitives import HiddenLayer, ReLUSquared, Residual, TimeEmbedding, UnitRMS, small_init

CROSS_ATTENTION_HEADS = 4


@dataclass
class FlowCondition:
    """What stays the same over the denoising steps of one observation."""

    modulation: Tensor  # (B, 1, M): the observation's share of what steers the layers
    keys_values: KeysValues | None
    token_mask: Tensor | None


class VelocityNetwork(FieldNetwork):
    """`num_layers` hidden layers: half of them (f) read the observation and run once, half (h) read the flattened chunk x.

        f_j = ReLU^2(RMSNorm(W_j f_{j-1}))                                   f_0 = c
        h_0 = Norm(ReLU^2(V_0 x + b_0))                                      Norm(z) = z / rms(z)
        h_i = Norm(ReLU^2(g_i * (V_i h_{i-1}) + b_i)) + alpha_i h_{i-1}
        v   = W_v h + b_v + k x                                              f, h: the last ones

    k x is what a straight path needs at least: where nothing else is known, the velocity is linear in x. All of b, g and k
    come from one linear layer C of f + tau(t), and C (f + tau) = C f + C tau: the first term is computed once for each
    observation, the second once for each time of the integrator.

    With cross-attention, h_0 also looks at the backbone's tokens. Committed steps are read where the observation is: they add P p to W_1 c.
    """

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int,
        hidden_dim: int,
        num_layers: int,
        dropout: float,
        cross_attention_dim: int | None,
        max_prefix: int = 0,
    ) -> None:
        super().__init__()
        chunk_dim, condition_dim = num_steps * action_dim, hidden_dim * 5 // 4
        modulated = num_layers // 2 - 1  # layers after h_0
        widths = [input_dim] + [condition_dim] * (num_layers - num_layers // 2)
        self.features = nn.Sequential(*(HiddenLayer(a, b) for a, b in pairwise(widths)))
        self.time = TimeEmbedding(condition_dim)
        self.sizes = [1, chunk_dim, hidden_dim, *[hidden_dim, hidden_dim] * modulated]  # k, b_v, b_0, then g and b
        self.modulation = nn.Linear(condition_dim, sum(self.sizes))  # C
        self.input = nn.Linear(chunk_dim, hidden_dim, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(hidden_dim, hidden_dim, bias=False) for _ in range(modulated))
        self.residuals = nn.ModuleList(Residual() for _ in range(modulated))
        self.activation = nn.Sequential(ReLUSquared(), nn.Dropout(dropout), UnitRMS())
        self.output = small_init(nn.Linear(hidden_dim, chunk_dim, bias=False))
        for scale in self.modulation.bias.detach().split(self.sizes)[3::2]:
            scale.add_(1.0)  # g starts around 1
        self.cross_attention: CrossAttention | None = None
        if cross_attention_dim is not None:
            attention_dim = CROSS_ATTENTION_HEADS * max(1, hidden_dim // (2 * CROSS_ATTENTION_HEADS))  # about half the width
            self.cross_attention = CrossAttention(hidden_dim, cross_attention_dim, CROSS_ATTENTION_HEADS, attention_dim, dropout)
            self.cross_output = nn.Linear(attention_dim, hidden_dim)
        self.prefix = PrefixLayer(max_prefix, action_dim, condition_dim) if max_prefix else None

    def time_parameters(self) -> list[Tensor]:
        """Those of tau and C."""
        return [*self.time.parameters(), *self.modulation.parameters()]

    def embed_time(self, t: Tensor) -> Tensor:
        """C tau(t) and the biases of C, (B,) -> (B, M)."""
        result: Tensor = self.modulation(F.silu(self.time(t)))
        return result

    def condition(
        self, features: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None, prefix: Prefix | None = None
    ) -> FlowCondition:
        """C f(c), and the tokens' keys and values."""
        first, *later = self.features
        f = first(features, None if prefix is None or self.prefix is None else self.prefix(prefix))
        for layer in later:
            f = layer(f)
        keys_values = None if self.cross_attention is None or tokens is None else self.cross_attention.keys_values(tokens)
        return FlowCondition(F.linear(f, self.modulation.weight).unsqueeze(1), keys_values, token_mask)

    def steer(self, time: Tensor, condition: FlowCondition) -> list[list[Tensor]]:
        """k, b_v, b_0, then g and b of each later layer: (B, 1), (B, S * N), (B, H) .."""
        return [list(steering.split(self.sizes, dim=-1)) for steering in (condition.modulation + time).unbind(1)]

    def forward(self, x: Tensor, steering: list[Tensor], condition: FlowCondition) -> Tensor:
        """The velocity at x (B, S, N)."""
        k, b_v, b_0, *later = steering
        flat = x.flatten(1)  # (B, S * N)
        h = self.activation(torch.addmm(b_0, flat, self.input.weight.t()))  # (B, H)
        if condition.keys_values is not None and self.cross_attention is not None:
            seen = self.cross_attention(h.unsqueeze(1), condition.keys_values, condition.token_mask)  # (B, 1, H / 2)
            h = h + self.cross_output(seen.squeeze(1))
        for layer, residual, g, b in zip(self.hidden, self.residuals, later[::2], later[1::2], strict=True):
            h = residual(self.activation(torch.addcmul(b, g, layer(h))), h)
        return torch.addcmul(torch.addmm(b_v, h, self.output.weight.t()), k, flat).view_as(x)
