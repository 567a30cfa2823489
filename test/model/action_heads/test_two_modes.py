"""One observation, two right answers: +a or -a, each half of the time. Who keeps both, and who answers with neither?

This is the column "multi-modal" of the comparison table. And who is under way already goes on in that way, whatever the head is.
"""

from __future__ import annotations

import pytest
import torch
from chunk_task import energy_distance

from neon_control.model.action_heads import ActionHead, build_head

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
LONG = pytest.mark.slow
STEPS, COMMITTED, LONGEST = 16, 4, 8
CHANCE = 0.003  # by which the energy distance of 1000 draws differs from seed to seed


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


def two_ways(rows: int) -> torch.Tensor:
    """(rows, 16, 2): as `two_modes`, a little different each time and shaking from step to step."""
    way = torch.where(torch.rand(rows, 1, 1) < 0.5, -A, A)
    return way + 0.05 * torch.randn(rows, 1, 2) + 0.02 * torch.randn(rows, STEPS, 2)


def taught(name: str, max_prefix: int) -> ActionHead:
    """A head that has seen chunks; of every other one the first 1 to `max_prefix` steps as committed ones, and as many without as ever."""
    steps = 600 if max_prefix and name in MULTI_MODAL[:2] else 300
    torch.manual_seed(0)
    head = build_head({"type": name, **SIZES, **SMALL[name], "num_steps": STEPS, **({"max_prefix": max_prefix} if max_prefix else {})})
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    for _ in range(steps):
        given = {"prefix_length": torch.randint(1, max_prefix + 1, (256,)) * (torch.arange(256) % 2)} if max_prefix else {}
        optimizer.zero_grad()
        head.training_loss(torch.ones(256, 8), two_ways(256), reduction="valid", **given).backward()
        optimizer.step()
        schedule.step()
    return head.eval()


@torch.no_grad()
def distance(head: ActionHead) -> float:
    """Energy distance of 1000 draws without a prefix to the truth."""
    torch.manual_seed(1)
    return energy_distance(head.sample(torch.ones(1000, 8)).reshape(1, 1000, -1), two_ways(1000).reshape(1, 1000, -1)).item()


@pytest.mark.parametrize("name", ["chunking", "grouped", "flow", "state_relative", pytest.param("dit", marks=LONG)])
def test_who_is_under_way_goes_on_in_that_way_and_who_is_not_takes_either(name):
    head, chunks = taught(name, LONGEST), two_ways(1000)
    with torch.no_grad():
        found = head.sample(torch.ones(1000, 8), prefix=chunks, prefix_length=torch.full((1000,), COMMITTED))
    free, way = found[:, COMMITTED:], chunks.mean((1, 2), keepdim=True).sign()
    assert ((free * way).amin((1, 2)) > 0.0).float().mean() >= 0.99  # in every one of its steps nearer to that way than to the other
    if name in MULTI_MODAL[:2]:
        assert distance(head) <= 1.1 * distance(taught(name, 0)) + CHANCE
    if name in MULTI_MODAL:
        with torch.no_grad():
            alone = head.sample(torch.ones(1000, 8)).mean((1, 2))
        assert 0.35 <= (alone > 0.0).float().mean().item() <= 0.65
