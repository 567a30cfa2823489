"""Every head, at its default size: one optimiser step in float32 and under bfloat16 autocast."""

from __future__ import annotations

import pytest
import torch

from neon_control.model.action_heads import build_head, registered_heads

OPTIONS = {"state_relative": {"inner": {"type": "dit", "num_layers": 2}}}


@pytest.mark.parametrize("bfloat16", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", registered_heads())
def test_trains_with_finite_gradients(name, bfloat16):
    head = build_head({"type": name, "input_dim": 128, **OPTIONS.get(name, {})})
    features, target = 10.0 * torch.randn(4, 128), 2.0 * torch.rand(4, 16, 17) - 1.0
    mask = (torch.arange(16) < torch.tensor([16, 9, 1, 12]).unsqueeze(1)).float()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        loss = head.training_loss(features, target, mask)
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
    gradients = {n: p.grad for n, p in head.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())
    assert sum(g.abs().sum() for g in gradients.values()) > 0.0
    before = loss.item()
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    optimizer.step()
    assert all(p.isfinite().all() for p in head.parameters())
    assert head.training_loss(features, target, mask).item() != before


@pytest.mark.parametrize("name", registered_heads())
def test_answers_under_bfloat16_are_close_to_float32(name):
    head = build_head({"type": name, "input_dim": 128, **OPTIONS.get(name, {})}).eval()
    features = torch.randn(4, 128)
    inputs = {"noise": torch.randn(4, 16, 17)} if head.multi_modal else {}
    with torch.no_grad():
        exact = head(features, **inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = head(features, **inputs)
    assert (exact - rounded.float()).abs().max() < 0.1
