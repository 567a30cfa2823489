"""The transformer that predicts a diffusion's field, one token for each step of the chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.model.action_heads.attention import KeysValues
from neon_control.model.action_heads.dit_block import AdaLN, DiTBlock, Modulation, modulations
from neon_control.model.action_heads.generative import FieldNetwork
from neon_control.model.action_heads.prefix import Prefix
from neon_control.model.action_heads.primitives import HiddenLayer, RMSNorm, RowsLinear, TimeEmbedding, small_init

# What an observation and a time have to say, whatever the noisy chunk is: k (B, 1, 1), and what steers each denoising block.
DiTSteering = tuple[Tensor, list[Modulation]]


@dataclass
class DiTCondition:
    """What stays the same over the denoising steps of one observation."""

    features: Tensor  # (B, D)
    steps: Tensor  # (B, S, D): what the observation says about each step
    keys_values: list[KeysValues | None]  # for each denoising block
    token_mask: Tensor | None


class DiTNetwork(FieldNetwork):
    """`num_layers` DiT blocks: the first half plans from the observation and runs once, the second half denoises.

        q_i = blocks(U f(c) + e_i)                       a token for each step i, modulated by f(c); the same at every time
        h_i = blocks(W x_i + q_i)                        modulated by f(c) + tau(t)
        field = W' Norm(h_i) + k x_i                     k x: what the field is where nothing else is known

    The token of a committed step y_i begins as U f(c) + e_i + P [y_i | 1], so that the plan is made for what is committed.

    All blocks share one adaptive layer norm and add a small table of their own to it.
    """

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        dropout: float,
        cross_attention_dim: int | None = None,
        max_prefix: int = 0,
    ) -> None:
        super().__init__()
        wide = 8 * hidden_dim // 3  # 1024 at the default width
        self.features = HiddenLayer(input_dim, wide)
        self.to_condition = nn.Linear(wide, hidden_dim)
        self.to_steps = nn.Linear(wide, hidden_dim)
        self.step_embed = nn.Embedding(num_steps, hidden_dim)
        self.time = TimeEmbedding(hidden_dim)
        self.adaln = AdaLN(hidden_dim)
        self.input = RowsLinear(action_dim, hidden_dim)
        self.blocks = nn.ModuleList(
            DiTBlock(hidden_dim, num_heads, dropout, cross_attention_dim, own_adaln=False) for _ in range(num_layers)
        )
        self.norm = RMSNorm(hidden_dim)
        self.output = small_init(nn.Linear(hidden_dim, action_dim))
        self.skip = small_init(nn.Linear(hidden_dim, 1))  # k
        self.prefix = RowsLinear(action_dim + 1, hidden_dim, bias=False) if max_prefix else None  # P
        if self.prefix is not None:
            nn.init.zeros_(self.prefix.weight)

    def time_parameters(self) -> list[Tensor]:
        """Those of tau."""
        return list(self.time.parameters())

    def embed_time(self, t: Tensor) -> Tensor:
        """tau(t), (B,) -> (B, D)."""
        result: Tensor = self.time(t)
        return result

    def condition(
        self, features: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None, prefix: Prefix | None = None
    ) -> DiTCondition:
        """The plan q, and the keys and values of the blocks that denoise."""
        wide = self.features(features)  # (B, W)
        f = self.to_condition(wide)  # (B, D)
        q = self.to_steps(wide).unsqueeze(1) + self.step_embed.weight  # (B, S, D)
        if prefix is not None and self.prefix is not None:
            q = q + self.prefix(torch.cat([prefix.clean, prefix.given.to(prefix.clean.dtype)], dim=-1))
        planning, denoising = self._halves()
        (steered,) = modulations(F.silu(f).unsqueeze(1), self.adaln, planning)
        for block, modulation in zip(planning, steered, strict=True):
            q = block.modulated(q, modulation, block.keys_values(tokens), token_mask)
        return DiTCondition(f, q, [block.keys_values(tokens) for block in denoising], token_mask)

    def steer(self, time: Tensor, condition: DiTCondition) -> list[DiTSteering]:
        """k and the modulation of the denoising blocks: one product with each matrix for all times together."""
        steering = F.silu(condition.features.unsqueeze(1) + time)  # (B, K, D)
        skips = self.skip(steering).unsqueeze(-1).split(1, dim=1)  # K of (B, 1, 1, 1)
        steered = modulations(steering, self.adaln, self._halves()[1])
        return [(skip.squeeze(1), modulation) for skip, modulation in zip(skips, steered, strict=True)]

    def forward(self, x: Tensor, steering: DiTSteering, condition: DiTCondition) -> Tensor:
        """The field at x (B, S, N)."""
        skip, steered = steering
        h = self.input(x) + condition.steps  # (B, S, D)
        for block, modulation, keys_values in zip(self._halves()[1], steered, condition.keys_values, strict=True):
            h = block.modulated(h, modulation, keys_values, condition.token_mask)
        return torch.addcmul(self.output(self.norm(h)), skip, x)

    def _halves(self) -> tuple[list[DiTBlock], list[DiTBlock]]:
        blocks: list[Any] = list(self.blocks)
        return blocks[: len(blocks) // 2], blocks[len(blocks) // 2 :]
