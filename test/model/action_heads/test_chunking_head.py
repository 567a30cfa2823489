"""ActionChunkingHead: shapes, size, the split first layer, and what step embeddings mean."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from neon_control.model.action_heads import ActionChunkingHead
from neon_control.model.action_heads.primitives import soft_cap


@pytest.fixture
def head():
    return ActionChunkingHead(32, 7, num_steps=16, hidden_dim=24).eval()


def test_gives_bounded_chunks(head):
    actions = head(100.0 * torch.randn(5, 32))
    assert actions.shape == (5, 16, 7)
    assert (actions.abs() < 1.0).all()


@pytest.mark.parametrize("action_dim", [14, 17])
def test_default_size_is_one_and_a_half_million(action_dim):
    assert sum(p.numel() for p in ActionChunkingHead(2048, action_dim).parameters()) == pytest.approx(1.5e6, rel=0.15)


def test_split_layer_equals_one_linear_layer_on_the_concatenation(head):
    features = torch.randn(3, 32)
    with torch.no_grad():
        head.step_residual.alpha.fill_(0.7)
        f = head.feature_layer(features)
        both = torch.cat([f[:, None].expand(-1, 16, -1), head.step_embed.weight.expand(3, -1, -1)], dim=-1)  # (B, S, 2H)
        expected = soft_cap(head.output(head.step_activation(head.step_layer(both)) + 0.7 * f[:, None]), 1.0)
        assert torch.allclose(head(features), expected, atol=1e-6)


def test_permuting_the_step_embeddings_permutes_the_steps(head):
    features, order = torch.randn(3, 32), torch.randperm(16)
    with torch.no_grad():
        before = head(features)
        head.step_embed.weight.copy_(head.step_embed.weight[order])
        assert torch.equal(head(features), before[:, order])  # also: the folded term notices the change
    assert not torch.allclose(before, before[:, order])


def test_equal_step_embeddings_give_equal_steps(head):
    with torch.no_grad():
        head.step_embed.weight.copy_(head.step_embed.weight[:1].expand(16, -1))
        chunk = head(torch.randn(3, 32))
    assert torch.equal(chunk, chunk[:, :1].expand_as(chunk))


def test_folded_and_trained_paths_agree_and_gradients_reach_every_parameter(head):
    features = torch.randn(3, 32)
    with torch.no_grad():
        folded = head(features)
    loss = head(features).square().sum()
    loss.backward()
    assert torch.allclose(head(features), folded, atol=1e-6)
    assert all(p.grad is not None and p.grad.abs().sum() > 0.0 for p in head.parameters())


def test_v1_switches_give_a_plain_mlp_over_features_and_step_bit_for_bit():
    head = ActionChunkingHead(32, 7, 16, 24, use_relu_squared=False, use_rmsnorm=False, use_residual_scale=False, soft_cap_value=0.0).eval()
    first, last = head.feature_layer[0], head.output
    u, v = head.step_layer.weight[:, :24], head.step_layer.weight[:, 24:]
    x = 30.0 * torch.randn(8, 32)
    with torch.no_grad():
        f = F.gelu(F.linear(x, first.weight, first.bias))[:, None]
        h = F.gelu(F.linear(f, u) + F.linear(head.step_embed.weight, v, head.step_layer.bias)) + f
        assert torch.equal(head(x), torch.clamp(F.linear(h, last.weight, last.bias), -1.0, 1.0))


def test_more_layers_are_residual_layers_of_each_step():
    deep = ActionChunkingHead(32, 7, 16, 24, num_layers=5).eval()
    assert len(deep.hidden_layers) == 2
    assert deep(torch.randn(2, 32)).shape == (2, 16, 7)


def test_moving_to_double_precision_refreshes_the_folded_term(head):
    features = torch.randn(3, 32)
    with torch.no_grad():
        single = head(features)
        double = head.double()(features.double())
    assert double.dtype == torch.float64
    assert torch.allclose(single.double(), double, atol=1e-5)
