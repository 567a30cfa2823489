"""DiTActionHead: size, and what its tokens know."""

from __future__ import annotations

import pytest
import torch

from neon_control.model.action_heads import DiTActionHead
from neon_control.model.action_heads.dit_network import DiTNetwork


def test_default_size_is_6_million_with_8_blocks_of_384_and_6_heads():
    head = DiTActionHead(2048, 17)
    assert sum(p.numel() for p in head.parameters()) == pytest.approx(6e6, rel=0.15)
    assert len(head.network.blocks) == 8
    assert head.network.blocks[0].attention.num_heads == 6
    assert head.network.input.weight.shape == (17, 384)


@pytest.fixture
def network():
    return DiTNetwork(20, 3, 5, 48, 2, 3, dropout=0.0).eval()


def field(network, x, features):
    return field_at(network, x, network.condition(features), 0.3)


def field_at(network, x, condition, t):
    (steering,) = network.steer(network.embed_time(torch.full((len(x),), t)).unsqueeze(1), condition)
    return network(x, steering, condition)


def test_permuting_tokens_and_step_embeddings_together_changes_nothing_else(network):
    x, features, order = torch.randn(2, 5, 3), torch.randn(2, 20), torch.tensor([3, 0, 4, 1, 2])
    before = field(network, x, features)
    assert not torch.allclose(field(network, x[:, order], features), before[:, order], atol=1e-5)  # steps are told apart
    with torch.no_grad():
        network.step_embed.weight.copy_(network.step_embed.weight[order])
    assert torch.allclose(field(network, x[:, order], features), before[:, order], atol=1e-6)


def test_every_step_depends_on_every_other(network):
    x, features = torch.randn(1, 5, 3), torch.randn(1, 20)
    moved = x.clone()
    moved[:, 4] += 1.0
    change = (field(network, moved, features) - field(network, x, features)).abs().amax(-1)
    assert (change > 1e-7).all()


def test_time_and_features_steer_every_step(network):
    x, features = torch.randn(1, 5, 3), torch.randn(1, 20)
    condition = network.condition(features)
    early, late = (field_at(network, x, condition, t) for t in (0.1, 0.9))
    assert ((early - late).abs().amax(-1) > 1e-7).all()
    assert ((field(network, x, features) - field(network, x, -features)).abs().amax(-1) > 1e-7).all()
