"""DiTBlock: shapes, modulation, and what a block costs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import DiTBlock
from neon_control.model.action_heads.dit_block import AdaLN, modulations


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


def test_follows_the_specified_graph(block):
    x, c = torch.randn(2, 16, 48), torch.randn(2, 48)
    with torch.no_grad():
        block.alpha.fill_(0.3)
        block.norm.weight.uniform_(0.5, 1.5)
        shift, scale, gate = block.adaln(F.silu(c)).unsqueeze(1).chunk(3, dim=-1)
        u = (1.0 + scale) * (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() + shift
        h = block.up(torch.cat([u, block.attention(u)], dim=-1))
        h = F.relu(h / (h.square().mean(-1, keepdim=True) + 1e-5).sqrt() * block.norm.weight).square()
        assert torch.allclose(block(x, c), 0.3 * x + (1.0 + gate) * block.down(h), atol=1e-5)


def test_a_closed_gate_leaves_the_scaled_skip(block):
    x, open_ = torch.randn(2, 16, 48), torch.ones(2, 1, 48)
    with torch.no_grad():
        block.alpha.fill_(0.5)
    assert torch.equal(block.modulated(x, (open_, open_, torch.zeros_like(open_))), 0.5 * x)


def test_modulations_of_several_times_and_blocks_are_those_of_each_by_itself():
    adaln, blocks, steering = AdaLN(12), [DiTBlock(12, 3, own_adaln=False) for _ in range(2)], torch.randn(3, 4, 12)
    with torch.no_grad():
        for block in blocks:
            block.table.normal_()
    together = modulations(steering, adaln, blocks)
    assert [len(of_time) for of_time in together] == [2] * 4
    for k, of_time in enumerate(together):
        for block, found in zip(blocks, of_time, strict=True):
            expected = (adaln(steering[:, k]) + block.table).unsqueeze(1).chunk(3, dim=-1)
            assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True))
    assert modulations(steering, adaln, []) == [[]] * 4


@pytest.mark.parametrize("num_heads", [1, 4, 8, 48])
def test_any_number_of_heads_that_divides_the_width_will_do(num_heads):
    assert DiTBlock(48, num_heads)(torch.randn(2, 5, 48), torch.randn(2, 48)).shape == (2, 5, 48)


def test_a_number_of_heads_that_does_not_divide_the_width_is_refused_by_name():
    with pytest.raises(ConfigError, match="hidden_dim must be a multiple of num_heads, got 100 and 6"):
        DiTBlock(100, 6)


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
    (((modulation,),)) = modulations(F.silu(c).unsqueeze(1), own.adaln, [shared])
    assert torch.equal(own.eval()(x, c), shared.eval().modulated(x, modulation))
