"""One observation, two right answers: +a or -a, each half of the time. Who keeps both, and who answers with neither?

This is the column "multi-modal" of the comparison table.
"""

from __future__ import annotations

import pytest
import torch

from neon_control.model.action_heads import build_head

A = 0.5
SIZES = {"input_dim": 8, "action_dim": 2, "num_steps": 4}
FLOW = {"hidden_dim": 128, "dropout": 0.0}
SMALL = {
    "mlp": {"hidden_dim": 32, "dropout": 0.0},
    "chunking": {"hidden_dim": 32, "dropout": 0.0},
    "grouped": {"mlp_hidden": 32, "groups": {"arms": 1, "base": 1}, "dropout": 0.0},
    "flow": FLOW,
    "dit": {"hidden_dim": 48, "num_layers": 2, "num_heads": 3, "dropout": 0.0},
    "ensemble": {"mlp_hidden": 16, "flow_hidden": 128, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3, "dropout": 0.0},
    "state_relative": {"inner": {"type": "flow", **FLOW}},
}
MULTI_MODAL = ["flow", "dit", "ensemble", "state_relative"]


def two_modes(rows: int) -> torch.Tensor:
    """(rows, S, N): a whole chunk of +a or of -a."""
    return torch.where(torch.rand(rows, 1, 1) < 0.5, -A, A).expand(-1, 4, 2)


def trained(name: str, steps: int) -> torch.Tensor:
    """The mean over each of 1000 sampled chunks, (1000,): +a and -a for the two modes."""
    head = build_head({"type": name, **SIZES, **SMALL[name]})
    features = torch.ones(256, 8)
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        head.training_loss(features, two_modes(256)).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return head.eval().sample(torch.ones(1000, 8)).reshape(1000, -1).mean(-1)


@pytest.mark.parametrize("name", MULTI_MODAL)
def test_generative_heads_keep_both_modes(name):
    chunks = trained(name, 300)
    assert 0.35 <= (chunks > 0.5 * A).float().mean().item() <= 0.65
    assert 0.35 <= (chunks < -0.5 * A).float().mean().item() <= 0.65
    assert (chunks.abs() <= 0.5 * A).float().mean().item() < 0.10
    assert chunks.abs().mean().item() == pytest.approx(A, rel=0.1)


@pytest.mark.parametrize("name", [name for name in SMALL if name not in MULTI_MODAL])
def test_mse_heads_answer_with_the_mean_which_is_neither(name):
    chunks = trained(name, 150)
    assert (chunks.abs() < 0.2 * A).all()


@pytest.mark.parametrize("name", SMALL)
def test_every_head_says_which_kind_it_is(name):
    assert build_head({"type": name, **SIZES, **SMALL[name]}).multi_modal == (name in MULTI_MODAL)
