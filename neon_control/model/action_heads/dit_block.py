"""DiTBlock: one transformer block over action tokens, steered by an adaptive layer norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads.attention import CrossAttention, KeysValues, SelfAttention
from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.primitives import ReLUSquared, RMSNorm, RowsLinear

Modulation = tuple[Tensor, Tensor, Tensor]  # (B, 1, D) each


class AdaLN(nn.Linear):
    """A condition, after its SiLU, to shift, scale and gate: (.., D) -> (.., 3 D)."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3 * dim)
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)


class DiTBlock(nn.Module):
    """adaLN -> self-attention [and cross-attention] -> MLP with RMSNorm and ReLU squared -> gated residual (Peebles and Xie 2023, DiT).

        u = (1 + s) * Norm(x) + b
        x <- alpha x + g * W_2 ReLU^2(RMSNorm(W_1 [u | SelfAttention(u) | CrossAttention(u, tokens)]))

    Shift b, scale s and gate g come from the condition, alpha is learned. Unlike DiT's adaLN-Zero, which starts with every gate
    closed, g starts near 1. What attention gathers goes straight into the MLP, so a block has one residual and no output layer
    of the attention. A block by itself owns the layer that makes b, s and g; in a stack one layer serves all blocks, each adding
    a small table of its own (adaLN-single: Chen et al. 2023, PixArt-alpha), which saves 3 D^2 parameters a block.

    Sixteen tokens of a few dimensions need neither wide attention nor a wide MLP: the heads together are about D / 4 wide
    and the MLP D / 2.

    Args:
        cross_attention_dim: width of the tokens to look at, if any.

    Raises:
        ConfigError: a size is not positive, hidden_dim is no multiple of num_heads, or dropout is out of range.
    """

    def __init__(
        self, hidden_dim: int, num_heads: int = 6, dropout: float = 0.1, cross_attention_dim: int | None = None, own_adaln: bool = True
    ) -> None:
        super().__init__()
        check_arguments("DiTBlock", hidden_dim=hidden_dim, num_heads=num_heads, dropout=dropout)
        if hidden_dim % num_heads:
            raise ConfigError(f"DiTBlock.hidden_dim must be a multiple of num_heads, got {hidden_dim} and {num_heads}")
        attention_dim = num_heads * max(1, hidden_dim // (4 * num_heads))
        mlp_dim = max(1, hidden_dim // 2)
        self.shape = (hidden_dim,)
        self.adaln = AdaLN(hidden_dim) if own_adaln else None
        self.table = nn.Parameter(torch.tensor([0.0, 1.0, 1.0]).repeat_interleave(hidden_dim))  # (3 D,): holds the "1 +" of the scale
        self.alpha = nn.Parameter(torch.ones(()))
        self.attention = SelfAttention(hidden_dim, num_heads, attention_dim, dropout)
        self.cross_attention: CrossAttention | None = None
        if cross_attention_dim is not None:
            check_arguments("DiTBlock", cross_attention_dim=cross_attention_dim)
            self.cross_attention = CrossAttention(hidden_dim, cross_attention_dim, num_heads, attention_dim, dropout)
        self.up = RowsLinear(hidden_dim + attention_dim, mlp_dim)
        self.up_cross = None if cross_attention_dim is None else RowsLinear(attention_dim, mlp_dim, bias=False)
        self.norm = RMSNorm(mlp_dim)
        self.activation = ReLUSquared()
        self.dropout = nn.Dropout(dropout)
        self.down = RowsLinear(mlp_dim, hidden_dim)

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None) -> Tensor:
        """A block by itself: actions (B, S, D), condition (B, D), tokens (B, T, cross_attention_dim) -> (B, S, D)."""
        if self.adaln is None:
            raise ConfigError("this DiTBlock was built with own_adaln=False: call `modulated` with the shared modulation")
        modulation = (self.adaln(F.silu(condition)) + self.table).unsqueeze(1).split(self.shape[0], dim=-1)
        return self.modulated(x, modulation, self.keys_values(tokens), token_mask)

    def keys_values(self, tokens: Tensor | None) -> KeysValues | None:
        """What this block needs of the backbone's tokens; None where it does not look at them."""
        return None if self.cross_attention is None or tokens is None else self.cross_attention.keys_values(tokens)

    def modulated(
        self, x: Tensor, modulation: Modulation, keys_values: KeysValues | None = None, token_mask: Tensor | None = None
    ) -> Tensor:
        """The block with shift, scale and gate given, the table's share included."""
        shift, scale, gate = modulation
        u = torch.addcmul(shift, scale, F.layer_norm(x, self.shape))  # (B, S, D)
        h = self.up(torch.cat([u, self.attention(u)], dim=-1))
        if keys_values is not None and self.up_cross is not None and self.cross_attention is not None:
            h = h + self.up_cross(self.cross_attention(u, keys_values, token_mask))
        h = self.dropout(self.activation(self.norm(h)))
        return torch.addcmul(self.alpha * x, gate, self.down(h))


def modulations(steering: Tensor, adaln: AdaLN, blocks: Sequence[DiTBlock]) -> list[list[Modulation]]:
    """Shift, scale and gate of every block of a stack that shares one adaptive layer norm, at each of K steerings.

    Args:
        steering: (B, K, D), after the SiLU.

    Returns:
        for each of the K, for each block.
    """
    if not blocks:
        return [[] for _ in range(steering.shape[1])]
    tables = torch.stack([block.table for block in blocks])  # (L, 3 D)
    together = adaln(steering).unsqueeze(2) + tables  # (B, K, L, 3 D)
    parts = together.flatten(1).unsqueeze(1).split(steering.shape[-1], dim=-1)  # K * L * 3 of (B, 1, D)
    triples = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    return [triples[i : i + len(blocks)] for i in range(0, len(triples), len(blocks))]
