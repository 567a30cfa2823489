"""Attention of action tokens to each other and to the backbone's token sequence."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neon_control.model.action_heads.primitives import RowsLinear

KeysValues = tuple[Tensor, Tensor]  # (B, heads, T, d) each


class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V over S tokens, without an output layer: what reads the result has a linear layer anyway.

    Each head has its own queries, all share one set of keys and values (multi-query attention: Shazeer 2019). A query of a head is
    therefore just one more row of Q, and Q is (S * heads, d): no head has to be moved to an axis of its own.

    Args:
        attention_dim: width of the heads together, a multiple of their number; d = attention_dim / num_heads.
    """

    def __init__(self, dim: int, num_heads: int, attention_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = attention_dim // num_heads
        self.sizes = (attention_dim, self.head_dim, self.head_dim)  # of Q, K, V
        self.dropout = nn.Dropout(dropout)
        self.qkv = RowsLinear(dim, sum(self.sizes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, S, D) -> (B, S, attention_dim)."""
        rows, tokens, _ = x.shape
        q, k, v = self.qkv(x).split(self.sizes, dim=-1)
        q = q.reshape(rows, tokens * self.num_heads, self.head_dim)  # (B, S * heads, d)
        weights = torch.softmax(torch.bmm(q, k.mT * self.head_dim**-0.5), dim=-1)  # (B, S * heads, S)
        return torch.bmm(self.dropout(weights), v).view(rows, tokens, self.num_heads * self.head_dim)


class CrossAttention(nn.Module):
    """Action tokens look at a sequence; its keys and values are made once, however often it is looked at."""

    def __init__(self, dim: int, context_dim: int, num_heads: int, attention_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = attention_dim // num_heads
        self.dropout = dropout
        self.query = RowsLinear(dim, attention_dim)
        self.key_value = RowsLinear(context_dim, 2 * attention_dim)

    def keys_values(self, tokens: Tensor) -> KeysValues:
        """(B, T, context_dim) -> keys and values."""
        kv = self.key_value(tokens).unflatten(-1, (2 * self.num_heads, self.head_dim)).transpose(1, 2)  # (B, 2 * heads, T, d)
        k, v = kv.chunk(2, dim=1)
        return k, v

    def forward(self, x: Tensor, keys_values: KeysValues, token_mask: Tensor | None = None) -> Tensor:
        """(B, S, D) -> (B, S, attention_dim); token_mask (B, T) is 1 for a real token, and at least one in each row is."""
        q = self.query(x).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)  # (B, heads, S, d)
        mask = None if token_mask is None else token_mask.bool()[:, None, None, :]
        attended = F.scaled_dot_product_attention(q, *keys_values, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        return attended.transpose(1, 2).flatten(2)
