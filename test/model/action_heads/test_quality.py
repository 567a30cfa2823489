"""Generative heads learn a known conditional distribution; the long comparison is test/benchmarks/heads_quality.py."""

from __future__ import annotations

import pytest
import torch
from chunk_task import ChunkTask, distance_to_truth, train

from neon_control.model.action_heads import DiTActionHead, FlowMatchingHead

TASK = ChunkTask(num_features=32, num_steps=8, action_dim=4)
HEADS = {
    "flow": lambda: FlowMatchingHead(32, 4, 8, hidden_dim=96, dropout=0.0),
    "dit": lambda: DiTActionHead(32, 4, 8, hidden_dim=96, num_layers=2, num_heads=3, dropout=0.0),
}


@pytest.mark.parametrize("name", HEADS)
def test_samples_come_close_to_the_truth_in_four_steps(name):
    torch.manual_seed(0)
    head = HEADS[name]()
    fresh = distance_to_truth(head.eval().sample, TASK, 32, 64)
    train(head, TASK, steps=250, batch=128, seed=0, learning_rate=3e-3)
    learned = distance_to_truth(lambda features: head.sample(features, 4), TASK, 32, 64)
    mean = distance_to_truth(lambda features: truth_mean(features), TASK, 32, 64)
    assert learned < 0.6 * mean < fresh


def truth_mean(features: torch.Tensor) -> torch.Tensor:
    """The best that a head with one answer can give: the mean of p(a | o)."""
    lifted = torch.atanh((features / 1.5).clamp(-1 + 1e-6, 1 - 1e-6)) - TASK.lift_bias
    o = lifted @ torch.linalg.pinv(TASK.lift)
    g = torch.Generator().manual_seed(0)
    return torch.stack([TASK.chunks(o, g) for _ in range(100)]).mean(0)
