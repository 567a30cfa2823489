"""MLPDecoder: shapes, size, and what its switches do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from neon_control.model.action_heads import MLPDecoder
from neon_control.model.action_heads.primitives import soft_cap

V1 = {"use_relu_squared": False, "use_rmsnorm": False, "use_residual_scale": False, "use_skip_connections": False, "soft_cap_value": 0.0}


@pytest.mark.parametrize("num_layers", [2, 3, 4, 5])
def test_gives_one_bounded_action(num_layers):
    decoder = MLPDecoder(32, 7, hidden_dim=16, num_layers=num_layers)
    actions = decoder(100.0 * torch.randn(5, 32))
    assert actions.shape == (5, 7)
    assert (actions.abs() < 1.0).all()


def test_default_size_is_one_and_a_half_million():
    assert sum(p.numel() for p in MLPDecoder(2048, 14).parameters()) == pytest.approx(1.5e6, rel=0.15)


def test_three_layers_follow_the_specified_graph():
    d = MLPDecoder(32, 7, hidden_dim=16).eval()
    with torch.no_grad():
        d.residuals[0].alpha.fill_(0.3)
        x = torch.randn(4, 32)

        def norm_act(h, norm):
            return F.relu(h / torch.sqrt(h.square().mean(-1, keepdim=True) + 1e-5) * norm.weight).square()

        first, norm1, _ = d.input_layer
        skip = norm_act(first(x), norm1)
        h = norm_act(skip, d.refine[0])
        last, norm3, _ = d.hidden_layers[0]
        z = norm_act(last(torch.cat([h, skip], dim=-1)), norm3)
        expected = soft_cap(d.output(z + 0.3 * h), 1.0)
    assert torch.allclose(d(x), expected, atol=1e-6)


@pytest.mark.parametrize("num_layers", [2, 3, 4])
def test_v1_switches_give_a_plain_residual_mlp_bit_for_bit(num_layers):
    d = MLPDecoder(32, 7, hidden_dim=16, num_layers=num_layers, **V1).eval()
    weights = [m for m in d.modules() if isinstance(m, torch.nn.Linear)]
    assert len(weights) == num_layers
    assert sum(p.numel() for p in d.parameters()) == sum(w.weight.numel() + w.bias.numel() for w in weights)
    x = 10.0 * torch.randn(64, 32)
    with torch.no_grad():
        d.output.weight.mul_(100.0)  # reach the clamp
        h = F.gelu(F.linear(x, weights[0].weight, weights[0].bias))
        for layer in weights[1:-1]:
            h = F.gelu(F.linear(h, layer.weight, layer.bias)) + h
        expected = torch.clamp(F.linear(h, weights[-1].weight, weights[-1].bias), -1.0, 1.0)
        assert torch.equal(d(x), expected)
    assert (expected.abs() == 1.0).any()


def test_dropout_acts_in_training_only():
    d = MLPDecoder(32, 7, hidden_dim=64, dropout=0.5)
    x = torch.randn(3, 32)
    assert not torch.equal(d(x), d(x))
    d.eval()
    assert torch.equal(d(x), d(x))


def test_loss_of_a_chunk_compares_the_one_step_with_every_step():
    d = MLPDecoder(32, 7, hidden_dim=16).eval()
    features, target = torch.randn(2, 32), torch.randn(2, 5, 7)
    expected = (d(features)[:, None, :] - target).square().mean()
    assert d.training_loss(features, target).item() == pytest.approx(expected.item(), rel=1e-6)
