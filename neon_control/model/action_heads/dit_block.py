"""DiTBlock: one transformer block over action tokens, steered by an adaptive layer norm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.core.errors import ConfigError
from neon_control.model.action_heads.attention import CrossAttention, KeysValues, SelfAttention
from neon_control.model.action_heads.primitives import ReLUSquared

MODULATIONS = 3  # shift, scale, gate


class AdaLN(nn.Module):
    """A condition, after its SiLU, to shift, scale and gate: one linear layer, (B, D) -> (B, 3, 1, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, MODULATIONS * dim)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, condition: Tensor) -> Tensor:
        return self.linear(condition).unflatten(-1, (MODULATIONS, 1, -1))


class DiTBlock(nn.Module):
    """adaLN -> self-attention [and cross-attention] -> MLP with ReLU squared -> gated residual (Peebles and Xie 2023, DiT).

        u = (1 + s) * Norm(x) + b
        x <- x + alpha g * W_2 ReLU^2(W_1 [u | SelfAttention(u) | CrossAttention(u, tokens)])

    Shift b, scale s and gate g come from the condition, alpha is learned. What attention gathers goes straight into the
    MLP, so a block has one norm, one residual and no output layer of the attention. A block by itself owns the layer that
    makes b, s and g; in a stack one layer serves all blocks, each adding a small table of its own (adaLN-single: Chen et
    al. 2023, PixArt-alpha), which saves 3 D^2 parameters a block.

    Sixteen tokens of a few dimensions need neither wide attention nor a wide MLP: by default the heads together are
    D / 4 wide and the MLP D / 2.

    Args:
        cross_attention_dim: width of the tokens to look at, if any.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int = 6,
        dropout: float = 0.1,
        cross_attention_dim: int | None = None,
        attention_dim: int | None = None,
        mlp_dim: int | None = None,
        own_adaln: bool = True,
    ) -> None:
        super().__init__()
        attention_dim = attention_dim or hidden_dim // 4
        mlp_dim = mlp_dim or hidden_dim // 2
        self.shape = (hidden_dim,)
        self.adaln = AdaLN(hidden_dim) if own_adaln else None
        self.table = nn.Parameter(torch.stack([torch.zeros(1, hidden_dim), torch.ones(1, hidden_dim), torch.ones(1, hidden_dim)]))
        self.alpha = nn.Parameter(torch.ones(()))
        self.attention = SelfAttention(hidden_dim, num_heads, attention_dim, dropout)
        self.cross_attention = None
        if cross_attention_dim is not None:
            self.cross_attention = CrossAttention(hidden_dim, cross_attention_dim, num_heads, attention_dim, dropout)
        self.up = nn.Linear(hidden_dim + attention_dim, mlp_dim)
        self.up_cross = None if cross_attention_dim is None else nn.Linear(attention_dim, mlp_dim, bias=False)
        self.activation = ReLUSquared()
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(mlp_dim, hidden_dim)

    def forward(self, x: Tensor, condition: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None) -> Tensor:
        """A block by itself: actions (B, S, D), condition (B, D), tokens (B, T, cross_attention_dim) -> (B, S, D)."""
        if self.adaln is None:
            raise ConfigError("this DiTBlock was built with own_adaln=False: call `modulated` with the shared modulation")
        return self.modulated(x, self.adaln(F.silu(condition)), self.keys_values(tokens), token_mask)

    def keys_values(self, tokens: Tensor | None) -> KeysValues | None:
        """What this block needs of the backbone's tokens; None where it does not look at them."""
        return None if self.cross_attention is None or tokens is None else self.cross_attention.keys_values(tokens)

    def modulated(self, x: Tensor, modulation: Tensor, keys_values: KeysValues | None = None, token_mask: Tensor | None = None) -> Tensor:
        """The block with shift, scale and gate given, (B, 3, 1, D)."""
        shift, scale, gate = (modulation + self.table).unbind(1)  # (B, 1, D) each; the table holds the "1 +" of the scale
        u = torch.addcmul(shift, scale, F.layer_norm(x, self.shape))  # (B, S, D)
        h = self.up(torch.cat([u, self.attention(u)], dim=-1))
        if keys_values is not None:
            h = h + self.up_cross(self.cross_attention(u, keys_values, token_mask))
        return torch.addcmul(x, self.alpha * gate, self.down(self.dropout(self.activation(h))))
