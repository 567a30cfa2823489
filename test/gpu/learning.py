"""Stage: how many samples a second the heads that draw learn from, in the precision that `neon_control train` takes."""

from __future__ import annotations

import torch
from stage import Stage

from neon_control.model.action_heads import build_head
from neon_control.training.config import TrainConfig
from neon_control.training.optimisation import autocast, make_optimiser

HEADS = ("flow", "dit")


def speed(stage: Stage, name: str, batch: int) -> dict[str, float]:
    """Of whole steps: loss, gradients, AdamW."""
    torch.manual_seed(0)
    config = TrainConfig("speed", "none", device=stage.device.type)
    head = build_head({"type": name}).to(stage.device).train()
    optimiser = make_optimiser(config, head)
    features = torch.randn(batch, 2048, device=stage.device)
    target = torch.rand(batch, 16, 17, device=stage.device) - 0.5

    def step() -> None:
        with autocast(config, stage.device):
            loss = head.training_loss(features, target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    found = stage.latency(step)
    return {**found, "samples_per_s": 1e3 * batch / found["p50"]}


if __name__ == "__main__":
    stage = Stage("learning")
    batch = 8 if stage.dry else 512
    for name in HEADS:
        stage.attempt({"head": name, "batch": batch}, lambda name=name: speed(stage, name, batch))
