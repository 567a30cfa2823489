"""What every action head costs in torch on a device, run as a policy runs it: on CUDA as one captured graph, for one robot or for many.

As in a policy, the features are on the device already, and the actions come back into the CPU's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from tqdm import tqdm

from neon_control.bench.measure import Latency, in_turns
from neon_control.bench.rows import INPUT_DIM, random_head
from neon_control.core.common.text_table import table
from neon_control.runtime.export.head_export import ARGUMENTS, input_shapes, random_inputs, run_torch
from neon_control.runtime.policy.torch_action_layer import TorchActionLayer


def measure_on_device(
    names: Sequence[str], robot: str, device: torch.device, batches: Sequence[int], threads: int, rounds: int
) -> list[dict[str, object]]:
    """One row for each head: durations by batch, and the largest difference from what torch computes on the CPU."""
    calls: dict[str, Callable[[], object]] = {}
    rows: list[dict[str, object]] = []
    for name in tqdm(names, "preparing heads", unit="head", leave=False, disable=None):
        head, rng = random_head(name, robot), np.random.default_rng(0)
        inputs = {batch: random_inputs(input_shapes(head, INPUT_DIM), batch, rng) for batch in batches}
        expected = {batch: run_torch(head, values) for batch, values in inputs.items()}  # before the head moves to the device
        differences = []
        for batch, values in inputs.items():
            layer = TorchActionLayer(head, device, threads)
            actions = layer.run({ARGUMENTS.get(key, key): array for key, array in values.items()})
            differences.append(float(np.abs(actions - expected[batch]).max()))
            calls[f"{name}|{batch}"] = lambda layer=layer: layer.run({})
        rows.append({"head": name, "parameters": sum(p.numel() for p in head.parameters()), "max_difference": max(differences)})
    durations = in_turns(calls, tqdm(range(rounds), f"measuring on {device}", unit="round", leave=False, disable=None))
    for row in rows:
        row["latency_ms"] = {str(batch): vars(Latency.of(durations[f"{row['head']}|{batch}"])) for batch in batches}
    return rows


def device_table(rows: Sequence[dict], batches: Sequence[int], device: torch.device) -> str:
    """The rows of `measure_on_device` as text."""
    columns = ["Head", "Parameters", "Max diff", *(f"{device}, batch {batch} [ms]" for batch in batches)]
    lines = [
        [row["head"], f"{row['parameters']:,}", f"{row['max_difference']:.1e}"]
        + [str(Latency(**row["latency_ms"][str(batch)])) for batch in batches]
        for row in rows
    ]
    return table(columns, lines, numeric=range(1, len(columns)))
