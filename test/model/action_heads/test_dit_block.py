"""DiTBlock: shapes, modulation, and what a block costs."""

from __future__ import annotations

import pytest
import torch

from neon_control.core.errors import ConfigError
from neon_control.model.action_heads import DiTBlock
from neon_control.model.action_heads.dit_block import AdaLN


@pytest.fixture
def block():
    return DiTBlock(hidden_dim=48, num_heads=6, cross_attention_dim=10).eval()


def test_keeps_the_shape_with_and_without_tokens(block):
    x, c = torch.randn(2, 16, 48), torch.randn(2, 48)
    assert block(x, c).shape == x.shape
    assert block(x, c, torch.randn(2, 7, 10)).shape == x.shape
    assert not torch.allclose(block(x, c), block(x, c, torch.randn(2, 7, 10)))


def test_the_condition_steers_the_block(block):
    x = torch.randn(2, 16, 48)
    assert not torch.allclose(block(x, torch.randn(2, 48)), block(x, torch.randn(2, 48)))


@pytest.mark.parametrize("closed", ["gate", "alpha"])
def test_a_closed_gate_or_a_zero_alpha_lets_everything_pass(block, closed):
    x, modulation = torch.randn(2, 16, 48), torch.zeros(2, 3, 1, 48)
    with torch.no_grad():
        (block.table[2] if closed == "gate" else block.alpha).zero_()
    assert torch.equal(block.modulated(x, modulation), x)


def test_tokens_reach_every_other_token_but_order_means_nothing_without_embeddings(block):
    x, c, order = torch.randn(1, 16, 48), torch.randn(1, 48), torch.randperm(16)
    assert torch.allclose(block(x[:, order], c), block(x, c)[:, order], atol=1e-5)
    moved = x.clone()
    moved[:, 3] = -moved[:, 3]
    assert ((block(moved, c) - block(x, c)).abs().amax(-1) > 1e-6).all()


def test_shared_modulation_saves_its_parameters():
    own, shared = DiTBlock(384), DiTBlock(384, own_adaln=False)
    count = [sum(p.numel() for p in m.parameters()) for m in (own, shared, AdaLN(384))]
    assert count[0] == count[1] + count[2]
    with pytest.raises(ConfigError, match="modulated"):
        shared(torch.randn(1, 16, 384), torch.randn(1, 384))
    with torch.no_grad():
        own_state = {k: v for k, v in own.state_dict().items() if not k.startswith("adaln.")}
    shared.load_state_dict(own_state)
    x, c = torch.randn(1, 16, 384), torch.randn(1, 384)
    assert torch.equal(own.eval()(x, c), shared.eval().modulated(x, own.adaln(torch.nn.functional.silu(c))))
