"""`neon_control heads`: the comparison table of the action heads, measured here."""

from __future__ import annotations

import argparse

import numpy as np
import torch

from neon_control.bench.measure import in_turns
from neon_control.bench.rows import HEADS
from neon_control.core.common.text_table import table
from neon_control.model.action_heads import StateRelativeHead, build_head
from neon_control.model.action_heads.factory import BUILT_IN
from neon_control.runtime.compute.torch_device import torch_device
from neon_control.tools.arguments import whole

COLUMNS = ("Head", "Parameters", "Latency [ms]", "Denoising", "Multi-modal", "Steps linked by", "Best for")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input-dim", type=whole(1), default=2048, help="width of the features (default: %(default)s)")
    parser.add_argument("--action-dim", type=whole(1), default=17, help="dimensions of an action (default: %(default)s)")
    parser.add_argument("--num-steps", type=whole(1), default=16, help="steps of a chunk (default: %(default)s)")
    parser.add_argument("--threads", type=whole(1), default=1, help="threads that torch may use (default: %(default)s)")
    parser.add_argument("--repeat", type=whole(1), default=50, help="forward passes to take the median of (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="torch device to measure on (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    device = torch_device(args.device)
    torch.set_num_threads(args.threads)
    sizes = {"input_dim": args.input_dim, "action_dim": args.action_dim, "num_steps": args.num_steps}
    print(table(COLUMNS, [row(name, sizes, args.repeat, device) for name in HEADS], numeric=(1, 2)))
    print(f"\nBatch 1, {args.input_dim} features, torch on {args.device}, {args.threads} thread(s), median of {args.repeat}.")
    return 0


def row(name: str, sizes: dict[str, int], repeat: int, device: torch.device) -> tuple[str, ...]:
    """One line of the table, a cell for each of COLUMNS; the latency is the median of one forward pass at batch 1."""
    head = build_head({**HEADS[name], **sizes}).to(device).eval()
    features = torch.randn(1, sizes["input_dim"], device=device)
    state = {"current_state": torch.zeros(1, sizes["action_dim"], device=device)} if name == "state_relative" else {}

    def forward() -> None:
        head(features, **state)
        if device.type != "cpu":
            torch.accelerator.synchronize()

    with torch.no_grad():
        latency = np.median(in_turns({name: forward}, range(repeat))[name])  # [ms]
    parameters = sum(p.numel() for p in head.parameters())
    steps = getattr(getattr(head, "flow", head), "num_denoise_steps", None)  # an ensemble's members share the number
    if isinstance(head, StateRelativeHead):
        inner = sum(p.numel() for p in head.inner_head.parameters())
        size, modal, linked = f"+{parameters - inner:,}", "as inner", "as inner"
    else:
        size, modal, linked = f"{parameters:,}", "yes" if head.multi_modal else "no", head.temporal
    denoising = f"{steps} steps" if steps else "-"
    return type(head).__name__, size, f"{latency:.3f}", denoising, modal, linked, BUILT_IN[name].best_for
