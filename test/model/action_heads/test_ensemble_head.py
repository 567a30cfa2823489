"""EnsembleHead: the mixture, its gate and its size."""

from __future__ import annotations

import pytest
import torch

from neon_control.model.action_heads import EnsembleHead


@pytest.fixture
def head():
    return EnsembleHead(20, 3, num_steps=5, mlp_hidden=16, flow_hidden=32, dit_hidden=48, dit_layers=2, dit_heads=3, flow_layers=2).eval()


def test_sizes_are_those_of_the_specification():
    head = EnsembleHead(2048, 17)
    size = {name: sum(p.numel() for p in part.parameters()) for name, part in head.named_children()}
    assert size["mlp"] == pytest.approx(3e6, rel=0.15)
    assert size["flow"] == pytest.approx(4e6, rel=0.15)
    assert size["dit"] == pytest.approx(6e6, rel=0.15)
    assert size["gate"] == pytest.approx(6e3, rel=0.15)
    assert sum(size.values()) == pytest.approx(13e6, rel=0.15)


def test_output_lies_in_the_convex_hull_of_its_members(head):
    features, noise = 3.0 * torch.randn(6, 20), torch.randn(6, 5, 3)
    members, weights = head.members(features, noise), head.weights(features)
    assert (weights > 0.0).all()
    assert torch.allclose(weights.sum(-1), torch.ones(6))
    out = head(features, noise)
    assert torch.allclose(out, sum(weights[:, m, None, None] * members[:, m] for m in range(3)), atol=1e-6)
    assert (out <= members.amax(1) + 1e-6).all()
    assert (out >= members.amin(1) - 1e-6).all()


def test_members_that_agree_are_the_output_whatever_the_gate(head, monkeypatch):
    agreed = torch.randn(2, 1, 5, 3)
    monkeypatch.setattr(head, "members", lambda *args: agreed.expand(-1, 3, -1, -1))
    assert torch.allclose(head(torch.randn(2, 20), torch.randn(2, 5, 3)), agreed[:, 0], atol=1e-6)


def test_sampling_is_deterministic_for_a_given_noise_or_generator(head):
    features, noise = torch.randn(2, 20), torch.randn(2, 5, 3)
    assert torch.equal(head.sample(features, noise=noise), head.sample(features, noise=noise))
    assert not torch.allclose(head.sample(features, noise=noise), head.sample(features, noise=-noise))
    first, second = (head.sample(features, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)


def test_the_gate_receives_gradient_from_its_score_alone(head):
    features = torch.randn(4, 20)
    head.gate_error(features, torch.randn(4, 5, 3)).mean().backward()
    trained = {name.split(".")[0] for name, p in head.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0.0}
    assert trained == {"gate"}


def test_every_part_is_trained_by_the_loss(head):
    head.train().compute_loss(torch.randn(4, 20), torch.rand(4, 5, 3) - 0.5).backward()
    assert all(p.grad is not None for p in head.parameters())
    assert {name.split(".")[0] for name, p in head.named_parameters() if p.grad.abs().sum() > 0.0} == {"mlp", "flow", "dit", "gate"}


def test_the_gate_learns_to_trust_the_member_that_is_right(head, monkeypatch):
    """Members: the mean of two right actions, a draw of one of them, and an action that is never right."""
    features = torch.ones(64, 20)

    def members(features, *given):
        sign = torch.where(torch.rand(len(features), 1, 1) < 0.5, -0.5, 0.5).expand(-1, 5, 3)
        return torch.stack([torch.zeros_like(sign), sign, torch.full_like(sign, 0.9)], dim=1)

    monkeypatch.setattr(head, "members", members)
    optimizer = torch.optim.Adam(head.gate.parameters(), lr=0.02)
    for _ in range(60):
        target = torch.where(torch.rand(64, 1, 1) < 0.5, -0.5, 0.5).expand(-1, 5, 3)
        optimizer.zero_grad()
        head.gate_error(features, target).mean().backward()
        optimizer.step()
    assert head.weights(features)[0, 1] > 0.8  # a squared error would choose the mean


def test_padded_steps_do_not_change_the_loss(head):
    features, target = torch.randn(4, 20), torch.rand(4, 5, 3) - 0.5
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0]]).expand(4, -1)
    changed = target.clone()
    changed[:, 2:] = 0.9
    losses = []
    for t in (target, changed):
        torch.manual_seed(5)
        losses.append(head.compute_loss(features, t, mask).item())
    assert losses[0] == losses[1]
