"""The yardstick of the quality comparison is right: what is close comes out close, what is not does not."""

from __future__ import annotations

import pytest
import torch
from chunk_task import ChunkTask, distance_to_truth, energy_distance


@pytest.fixture(scope="module")
def task():
    return ChunkTask(num_features=32, num_steps=8, action_dim=4)


def test_equal_distributions_have_distance_zero():
    x, y = torch.randn(50, 200, 6), torch.randn(50, 200, 6)
    assert energy_distance(x, y).mean().item() == pytest.approx(0.0, abs=0.005)


def test_distance_of_two_points_is_twice_their_distance():
    x, y = torch.zeros(1, 9, 4), torch.full((1, 9, 4), 0.3)
    assert energy_distance(x, y).item() == pytest.approx(0.6, rel=1e-5)


def test_a_shift_and_a_lost_mode_are_noticed(task):
    g = torch.Generator().manual_seed(1)
    o = task.observe(20, g).repeat_interleave(100, dim=0)
    truth, again = (task.chunks(o, g).view(20, 100, -1) for _ in range(2))
    mean = truth.mean(1, keepdim=True).expand_as(truth)
    right = energy_distance(again, truth).mean().item()
    assert right < 0.002
    assert energy_distance(again + 0.05, truth).mean().item() > right + 0.01
    assert energy_distance(mean, truth).mean().item() > 0.05


def test_truth_itself_scores_zero_and_ignoring_the_observation_does_not(task):
    g = torch.Generator().manual_seed(2)

    def truth(features):
        """Observations are a linear solve away: the lift is injective."""
        lifted = torch.atanh((features / 1.5).clamp(-1 + 1e-6, 1 - 1e-6)) - task.lift_bias
        return task.chunks(lifted @ torch.linalg.pinv(task.lift), g)

    assert distance_to_truth(truth, task) < 0.003
    assert distance_to_truth(lambda f: task.chunks(task.observe(len(f), g), g), task) > 0.1


def test_modes_have_the_stated_weights(task):
    o = torch.zeros(4000, 4)
    o[:, 0] = 0.5
    chunks = task.chunks(o, torch.Generator().manual_seed(3))
    side = (chunks[:, -1] - 0.35 * torch.sin(o @ task.w + 2.0)) * torch.cos(o @ task.v)
    assert (side.mean(-1) > 0.0).float().mean().item() == pytest.approx(torch.sigmoid(torch.tensor(1.0)).item(), abs=0.03)
