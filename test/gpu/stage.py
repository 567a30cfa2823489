"""What the stages of `run.sh` share: their command line, their rows, and how they time."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from neon_control.bench.device import reason
from neon_control.bench.floors import wait_for
from neon_control.bench.measure import Latency
from neon_control.tools.bench import append_row


class Stage:
    """One stage: `ROWS [what] [--dry-run]`.

    Attributes:
        device: a GPU, or the CPU in a dry run.
        dry: whether sizes are tiny and nothing measured counts.
        what: the second argument, for a stage that is run several times.
    """

    def __init__(self, name: str, what: bool = False) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("rows", type=Path)
        if what:
            parser.add_argument("what")
        parser.add_argument("--dry-run", action="store_true")
        args = parser.parse_args()
        self.name, self.dry, self.what = name, args.dry_run, getattr(args, "what", "")
        self.device = torch.device("cpu" if self.dry else "cuda")
        self._rows = args.rows

    def row(self, **values: Any) -> None:
        """Write a row at once."""
        append_row(self._rows, {"stage": self.name, **values})

    def attempt(self, facts: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]) -> None:
        """A row of what `measure` finds, or of why it could not: memory that runs out, a library that is missing, a graph that breaks."""
        try:
            found = measure()
        except Exception as error:  # of torch, CUDA, ONNX Runtime, transformers: each has its own
            found = {"error": reason(error)}
        self.row(**facts, **found)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def latency(self, call: Callable[[], object], rounds: int = 30, warm_up: int = 3) -> dict[str, float]:
        """[ms] p50 and p99 of a call, until the GPU has ended it."""
        rounds = 3 if self.dry else rounds
        durations = []
        for _ in range(warm_up + rounds):
            wait_for(self.device)
            start = time.perf_counter()
            call()
            wait_for(self.device)
            durations.append(1e3 * (time.perf_counter() - start))
        return vars(Latency.of(durations[warm_up:]))
