"""A synthetic task whose distribution of chunks, given the observation, is known and can be sampled.

An observation o ~ U(-1, 1)^4 is seen through F features tanh(R o + r). The chunk goes left or right of a common motion:

    a_in = 0.35 sin(w_n o + 2 p_i)  +  0.4 s p_i cos(v_n o)  +  0.04 (z_n + 1.5 p_i z'_n)        p_i = i / (S - 1)

where s = +1 with probability 1 / (1 + exp(-2 o_1)), else -1, and z, z' ~ N(0, 1). So p(a | o) has two modes that part
as time goes on, with weights, means and (correlated) spread that depend on o.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

OBSERVATION_DIM = 4
HELD_OUT_SEED = 99


@dataclass
class ChunkTask:
    """The task's constants, drawn from one seed.

    Attributes:
        num_features, num_steps, action_dim: F, S, N.
    """

    num_features: int = 2048
    num_steps: int = 16
    action_dim: int = 17

    def __post_init__(self) -> None:
        g = torch.Generator().manual_seed(0)
        self.lift = torch.randn(OBSERVATION_DIM, self.num_features, generator=g)  # R
        self.lift_bias = torch.randn(self.num_features, generator=g)  # r
        self.w = torch.randn(OBSERVATION_DIM, self.action_dim, generator=g)
        self.v = torch.randn(OBSERVATION_DIM, self.action_dim, generator=g)
        self.p = torch.linspace(0.0, 1.0, self.num_steps).view(1, -1, 1)  # (1, S, 1)

    def observe(self, rows: int, g: torch.Generator) -> Tensor:
        """(rows, 4)."""
        return 2.0 * torch.rand(rows, OBSERVATION_DIM, generator=g) - 1.0

    def features(self, observations: Tensor) -> Tensor:
        """(B, 4) -> (B, F), of about unit variance."""
        return 1.5 * torch.tanh(observations @ self.lift + self.lift_bias)

    def chunks(self, observations: Tensor, g: torch.Generator) -> Tensor:
        """One draw from p(a | o) for each row, (B, S, N)."""
        rows = len(observations)
        right = torch.rand(rows, 1, 1, generator=g) < torch.sigmoid(2.0 * observations[:, :1, None])
        side = torch.where(right, 1.0, -1.0)  # (B, 1, 1)
        common = 0.35 * torch.sin((observations @ self.w).unsqueeze(1) + 2.0 * self.p)
        apart = 0.4 * self.p * torch.cos((observations @ self.v).unsqueeze(1))
        z = torch.randn(rows, 2, self.action_dim, generator=g)
        return common + side * apart + 0.04 * (z[:, :1] + 1.5 * self.p * z[:, 1:])


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| between samples (K, M, D) of K pairs of distributions: (K,).

    Zero only between equal distributions (Szekely and Rizzo 2013). The estimate is unbiased, so it may come out a little
    below zero. Distances are divided by sqrt(D): a constant shift by d gives a distance of the order of d.
    """
    pairs = x.shape[1] * (x.shape[1] - 1)
    across = torch.cdist(x, y).mean((1, 2))
    within = (torch.cdist(x, x).sum((1, 2)) + torch.cdist(y, y).sum((1, 2))) / pairs
    return (2.0 * across - within) / x.shape[-1] ** 0.5


@torch.no_grad()
def distance_to_truth(sample: Callable[[Tensor], Tensor], task: ChunkTask, observations: int = 64, draws: int = 128) -> float:
    """Mean energy distance between a head's samples and the truth, over held-out observations.

    Args:
        sample: features (B, F) -> chunks (B, S, N), a fresh draw for each row.
    """
    g = torch.Generator().manual_seed(HELD_OUT_SEED)
    observed = task.observe(observations, g).repeat_interleave(draws, dim=0)
    truth = task.chunks(observed, g).view(observations, draws, -1)
    drawn = sample(task.features(observed)).reshape(observations, draws, -1)
    return energy_distance(drawn, truth).mean().item()


def train(head: torch.nn.Module, task: ChunkTask, steps: int, batch: int, seed: int, learning_rate: float = 1e-3) -> None:
    """Minimise `head.compute_loss(features, chunks)` by AdamW with a one-cycle schedule; every head sees the same data.

    To a head that goes on from committed steps, 1 to D steps of every other chunk are given, as training does it by default.
    """
    g, lengths = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    head.train()
    for _ in range(steps):
        observations = task.observe(batch, g)
        given = {}
        if head.max_prefix:
            length = torch.randint(1, head.max_prefix + 1, (batch,), generator=lengths)
            given = {"prefix_length": length * (torch.arange(batch) % 2), "reduction": "valid"}
        loss = head.compute_loss(task.features(observations), task.chunks(observations, g), **given)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    head.eval()
