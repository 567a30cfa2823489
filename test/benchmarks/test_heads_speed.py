"""How fast the heads are, beside the peer's heads of the same names: batch 1, one thread, torch, in one run.

make bench TEST_ARGS="-k heads_speed"
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch
from peer_heads import peer_heads

from neon_control.model.action_heads import build_head

# type in the registry -> (class name, the speed-up to reach)
HEADS = {
    "mlp": ("MLPDecoder", None),
    "chunking": ("ActionChunkingHead", 3.0),
    "flow": ("FlowMatchingHead", 6.0),
    "dit": ("DiTActionHead", 12.0),
    "ensemble": ("EnsembleHead", 10.0),
}
AIMS = {name: aim for name, (_, aim) in HEADS.items() if aim is not None}
ROUNDS = 30


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(threads)


def build(name: str, whose: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return (build_head({"type": name}) if whose == "ours" else getattr(peer_heads(), HEADS[name][0])(2048, 17)).eval()


@pytest.mark.parametrize("whose", ["ours", "peer"])
@pytest.mark.parametrize("name", HEADS)
def test_latency(benchmark, name, whose):
    head, features = build(name, whose), torch.randn(1, 2048)
    benchmark.group = name
    benchmark.extra_info["parameters"] = sum(p.numel() for p in head.parameters())
    benchmark.pedantic(head, (features,), rounds=ROUNDS, warmup_rounds=5)


@pytest.mark.parametrize("name", AIMS)
def test_speed_up(benchmark, capsys, name):
    """Measured turn by turn, so that whatever else the machine does slows both down alike."""
    ours, peer, features = build(name, "ours"), build(name, "peer"), torch.randn(1, 2048)
    for head in (ours, peer):
        for _ in range(5):
            head(features)
    durations: dict[torch.nn.Module, list[float]] = {ours: [], peer: []}

    def turn() -> None:
        for head, taken in durations.items():
            start = time.perf_counter()
            head(features)
            taken.append(time.perf_counter() - start)

    benchmark.group = "speed-up"
    benchmark.pedantic(turn, rounds=ROUNDS)
    ratio = statistics.median(durations[peer]) / statistics.median(durations[ours])
    benchmark.extra_info.update({"speed_up": round(ratio, 2), "ours_ms": 1e3 * statistics.median(durations[ours])})
    with capsys.disabled():
        print(f"\n{name}: {ratio:.1f} times faster than the peer, the aim is {AIMS[name]:g}")
