"""Attention against a plain formula, and its symmetries."""

from __future__ import annotations

import math

import torch

from neon_control.model.action_heads.attention import CrossAttention, SelfAttention


def plain_attention(q, k, v):
    return torch.softmax(q @ k.T / math.sqrt(q.shape[-1]), dim=-1) @ v


def test_self_attention_is_multi_query_attention():
    attention, x = SelfAttention(12, num_heads=3, attention_dim=6), torch.randn(2, 5, 12)
    qkv = attention.qkv(x)
    q, k, v = qkv[..., :6], qkv[..., 6:8], qkv[..., 8:]
    for b in range(2):
        expected = torch.cat([plain_attention(q[b, :, 2 * h : 2 * h + 2], k[b], v[b]) for h in range(3)], dim=-1)
        assert torch.allclose(attention(x)[b], expected, atol=1e-6)


def test_self_attention_does_not_know_the_order_of_its_tokens():
    attention, x, order = SelfAttention(12, 3, 6), torch.randn(2, 5, 12), torch.randperm(5)
    assert torch.allclose(attention(x[:, order]), attention(x)[:, order], atol=1e-6)


def test_cross_attention_is_multi_head_attention_to_the_tokens():
    attention, x, tokens = CrossAttention(12, 7, num_heads=3, attention_dim=6), torch.randn(1, 5, 12), torch.randn(1, 4, 7)
    q, kv = attention.query(x)[0], attention.key_value(tokens)[0]
    heads = [slice(2 * h, 2 * h + 2) for h in range(3)]
    expected = torch.cat([plain_attention(q[:, h], kv[:, :6][:, h], kv[:, 6:][:, h]) for h in heads], dim=-1)
    assert torch.allclose(attention(x, attention.keys_values(tokens))[0], expected, atol=1e-6)


def test_masked_tokens_have_no_effect():
    attention, x, tokens = CrossAttention(12, 7, 3, 6), torch.randn(2, 5, 12), torch.randn(2, 4, 7)
    mask = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 1]])
    changed = torch.where(mask.bool().unsqueeze(-1), tokens, torch.full_like(tokens, 50.0))
    assert torch.equal(attention(x, attention.keys_values(tokens), mask), attention(x, attention.keys_values(changed), mask))
    assert not torch.allclose(attention(x, attention.keys_values(tokens)), attention(x, attention.keys_values(changed)))
