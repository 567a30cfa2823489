"""How many samples a second a head learns from, beside the peer's heads of the same names: same batch, data and optimiser, in one run.

make bench TEST_ARGS="-k training_speed -s"
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import pytest
import torch
from peer_heads import peer_heads

from neon_control.model.action_heads import build_head
from neon_control.training.config import TrainConfig
from neon_control.training.optimisation import autocast, has_bfloat16, make_optimiser

HEADS = {"flow": "FlowMatchingHead", "dit": "DiTActionHead"}
BATCH, ROUNDS, WARM_UP, THREADS = 256, 6, 1, 2
CONFIG = TrainConfig("speed", "none", device="cpu")


@pytest.mark.parametrize("name", HEADS)
def test_training_speed(benchmark, name):
    """Ours in float32 as the peer's, and in the precision that `neon_control train` takes here; in turns, so that all are slowed alike."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    learners = {
        "ours": (build_head({"type": name}), replace(CONFIG, mixed_precision=False)),
        "ours, as trained": (build_head({"type": name}), CONFIG),
        "peer": (getattr(peer_heads(), HEADS[name])(2048, 17), replace(CONFIG, mixed_precision=False)),
    }
    optimisers = {whose: make_optimiser(config, head.train()) for whose, (head, config) in learners.items()}
    features, target = torch.randn(BATCH, 2048), torch.rand(BATCH, 16, 17) - 0.5
    durations: dict[str, list[float]] = {whose: [] for whose in learners}

    def turn() -> None:
        for whose, (head, config) in learners.items():
            start = time.perf_counter()
            with autocast(config, features.device):
                loss = head.compute_loss(features, target)
            optimisers[whose].zero_grad(set_to_none=True)
            loss.backward()
            optimisers[whose].step()
            durations[whose].append(time.perf_counter() - start)

    benchmark.group = "training"
    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=WARM_UP)
    torch.set_num_threads(threads)
    rates = {whose: BATCH / statistics.median(taken[WARM_UP:]) for whose, taken in durations.items()}
    benchmark.extra_info.update({whose: f"{rate:.0f} samples/s" for whose, rate in rates.items()})
    precision = "bfloat16" if has_bfloat16() else "float32, as this processor has no bfloat16"
    print(f"\n{name}, samples/s: peer {rates['peer']:.0f}, ours {rates['ours']:.0f} ({rates['ours'] / rates['peer']:.1f} times as many),")
    print(f"  as trained ({precision}) {rates['ours, as trained']:.0f} ({rates['ours, as trained'] / rates['peer']:.1f} times as many)")
