"""Fusion: size, shape, and that each sense has an effect."""

from __future__ import annotations

import pytest
import torch

from neon_control.model.fusion import Fusion


def test_has_4_2_million_parameters_and_keeps_the_width():
    fusion = Fusion()
    assert sum(p.numel() for p in fusion.parameters()) == pytest.approx(4.2e6, rel=0.15)
    assert fusion(torch.randn(2, 2048), torch.randn(2, 384), torch.randn(2, 384)).shape == (2, 2048)


@pytest.mark.parametrize("sense", [0, 1, 2])
def test_every_sense_changes_the_features(sense):
    fusion = Fusion(20, 6, 5, bottleneck_dim=12)
    inputs = [torch.randn(1, 20), torch.randn(1, 6), torch.randn(1, 5)]
    before = fusion(*inputs)
    inputs[sense] = inputs[sense] + 1.0
    assert (fusion(*inputs) - before).abs().max() > 1e-3


def test_vision_reaches_the_heads_past_the_bottleneck():
    fusion = Fusion(20, 6, 5, bottleneck_dim=12)
    with torch.no_grad():
        fusion.up.weight.zero_()
        fusion.up.bias.zero_()
    vision = torch.randn(2, 20)
    assert torch.equal(fusion(vision, torch.randn(2, 6), torch.randn(2, 5)), vision)
