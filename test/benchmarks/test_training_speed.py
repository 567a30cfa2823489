"""How many samples a second a head learns from, beside the peer's heads of the same names: same batch, data and optimiser, in one run.

make bench TEST_ARGS="-k training_speed -s"
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch
from peer_heads import peer_heads

from neon_control.model.action_heads import build_head

HEADS = {"flow": "FlowMatchingHead", "dit": "DiTActionHead"}
AIM = 2.0
BATCH, ROUNDS, WARM_UP, THREADS = 64, 12, 3, 2


@pytest.mark.parametrize("name", HEADS)
def test_training_speed(benchmark, name):
    """Measured turn by turn, so that whatever else the machine does slows both down alike."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    heads = {"ours": build_head({"type": name}), "peer": getattr(peer_heads(), HEADS[name])(2048, 17)}
    optimisers = {whose: torch.optim.AdamW(head.parameters(), 1e-4) for whose, head in heads.items()}
    features, target = torch.randn(BATCH, 2048), torch.rand(BATCH, 16, 17) - 0.5
    durations: dict[str, list[float]] = {whose: [] for whose in heads}

    def turn() -> None:
        for whose, head in heads.items():
            start = time.perf_counter()
            loss = head.train().compute_loss(features, target)
            optimisers[whose].zero_grad(set_to_none=True)
            loss.backward()
            optimisers[whose].step()
            durations[whose].append(time.perf_counter() - start)

    benchmark.group = "training"
    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=WARM_UP)
    torch.set_num_threads(threads)
    rates = {whose: BATCH / statistics.median(taken[WARM_UP:]) for whose, taken in durations.items()}
    ratio = rates["ours"] / rates["peer"]
    benchmark.extra_info.update({f"{whose}_samples_s": round(rate) for whose, rate in rates.items()} | {"ratio": round(ratio, 2)})
    print(f"\n{name}: {rates['ours']:.0f} samples/s, peer {rates['peer']:.0f}; {ratio:.1f} times as fast")
    assert ratio >= AIM, f"{name}: {ratio:.1f} times as fast in training as the peer, the aim is {AIM}"
