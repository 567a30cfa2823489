"""How close samples of the generative heads come to a known distribution, beside the peer's larger heads.

    python test/benchmarks/heads_quality.py --steps 600 --batch 64 --seeds 0 1 2 --json quality.json

Every head is trained with the same data, number of steps and optimiser, then sampled with some numbers of denoising steps; the
figure is the energy distance to the truth on held-out observations (test/model/chunk_task.py states the task). Losses of
different objectives are not comparable, samples are. Finished runs in the JSON file are not run again, so that the whole
can be done in parts.

Rows:

    flow, dit           ours
    *-prefix            trained with 0 to 8 committed steps, sampled without any
    peer-flow, peer-dit the peer's heads as published
    peer-*-uncapped     without its soft cap, which bends its samples (they are trained without it)
    peer-dit-network    the peer's transformer under our objective and sampler: what its size is worth by itself
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from chunk_task import ChunkTask, distance_to_truth, train
from peer_heads import peer_heads

from neon_control.model.action_heads import DiTActionHead, FlowMatchingHead
from neon_control.model.action_heads.generative import FieldNetwork, GenerativeHead
from neon_control.model.action_heads.integrator import ddim
from neon_control.model.action_heads.path import CosinePath


class PeerTransformer(FieldNetwork):
    """The peer's network as a field of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.peer = peer_heads().DiTActionHead(2048, 17)

    def time_parameters(self) -> list[torch.Tensor]:
        return []

    def embed_time(self, t: torch.Tensor) -> torch.Tensor:
        return t

    def condition(self, features: torch.Tensor, tokens: None = None, token_mask: None = None) -> torch.Tensor:
        return features

    def forward(self, x: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return self.peer._forward_with_t(x, time.expand(len(x)), condition)


HEADS = {
    "flow": lambda: FlowMatchingHead(2048, 17),
    "flow-prefix": lambda: FlowMatchingHead(2048, 17, max_prefix=8),
    "dit": lambda: DiTActionHead(2048, 17),
    "dit-prefix": lambda: DiTActionHead(2048, 17, max_prefix=8),
    "peer-flow": lambda: peer_heads().FlowMatchingHead(2048, 17),
    "peer-flow-uncapped": lambda: peer_heads().FlowMatchingHead(2048, 17, soft_cap_value=0.0),
    "peer-dit": lambda: peer_heads().DiTActionHead(2048, 17),
    "peer-dit-uncapped": lambda: peer_heads().DiTActionHead(2048, 17, soft_cap_value=0.0),
    "peer-dit-network": lambda: GenerativeHead(PeerTransformer(), CosinePath(), ddim, 17, 16, 4, 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--denoising", nargs="+", type=int, default=[1, 2, 4, 10], help="the large heads take 15 minutes for all of these")
    parser.add_argument("--json", type=Path, default=Path("heads_quality.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(args.json.read_text()) if args.json.exists() else {}
    for name in args.heads:
        for seed in args.seeds:
            key = f"{name} steps={args.steps} batch={args.batch} seed={seed}"
            if key not in results:
                results[key] = measure(name, seed, args)
                args.json.write_text(json.dumps(results, indent=1))
                print(key, results[key], flush=True)
    print_table(results, args)


def measure(name: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Train one head and compare its samples."""
    task = ChunkTask()
    torch.manual_seed(seed)
    head = HEADS[name]()
    start = time.process_time()
    train(head, task, args.steps, args.batch, seed)
    row = {"parameters": sum(p.numel() for p in head.parameters()), "train_cpu_s": round(time.process_time() - start, 1)}
    for k in args.denoising:
        torch.manual_seed(seed)
        row[str(k)] = round(distance_to_truth(lambda features, k=k: head.sample(features, k), task), 5)
    return row


def print_table(results: dict[str, dict[str, float]], args: argparse.Namespace) -> None:
    """Mean and spread over the seeds, a line for each head."""
    print(f"\nEnergy distance to the truth, {args.steps} steps of batch {args.batch}, mean (spread) over seeds {args.seeds}")
    print(f"{'head':<20} {'parameters':>11}  " + "  ".join(f"{f'{k} denoising':>18}" for k in args.denoising))
    for name in args.heads:
        rows = [results[f"{name} steps={args.steps} batch={args.batch} seed={seed}"] for seed in args.seeds]
        cells = []
        for k in args.denoising:
            values = [row[str(k)] for row in rows]
            cells.append(f"{statistics.mean(values):.4f} ({max(values) - min(values):.4f})".rjust(18))
        print(f"{name:<20} {int(rows[0]['parameters']):>11,}  " + "  ".join(cells))


if __name__ == "__main__":
    main()
