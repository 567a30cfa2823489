"""What every action head costs on a device, in every way that it can run there, for one robot or for many at once.

    eager      torch, one operation after the other
    graph      torch as a policy runs it: on CUDA one captured graph; on the CPU there are none, and it is left out
    onnx       ONNX Runtime with its inputs and its output bound, on CUDA where the device is one
    tensorrt   the same through TensorRT, which compiles each graph for minutes: only where it is asked for

As in a policy, the features are on the device already, and the actions come back into the CPU's memory. A way that does not work, because
a library is missing or memory runs out, has a row that says so, and the others go on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from neon_control.bench.floors import Floors
from neon_control.bench.measure import Latency, in_turns
from neon_control.bench.rows import INPUT_DIM, random_head
from neon_control.core.common.text_table import table
from neon_control.model.action_heads import ActionHead
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.head_export import ARGUMENTS, export_head, input_shapes, random_inputs, run_torch
from neon_control.runtime.policy.action_layer import ActionLayer, OnnxActionLayer
from neon_control.runtime.policy.torch_action_layer import TorchActionLayer

WAYS = ("eager", "graph", "onnx", "tensorrt")
EVICTED = 1 << 28  # [bytes] written between two passes: more than a GPU's cache holds, as a backbone moves between two chunks

Call = Callable[[], np.ndarray]


def measure_on_device(
    names: Sequence[str],
    robot: str,
    device: torch.device,
    batches: Sequence[int],
    threads: int,
    rounds: int,
    ways: Sequence[str] = WAYS[:3],
) -> Iterator[dict[str, Any]]:
    """A row for each head and way, as soon as the head is measured.

    Each has durations by batch, the largest difference from what torch computes on the CPU, and the floors at the smallest batch; a way
    that failed has `error` instead.
    """
    floors = Floors.measured(device)
    for name in tqdm(names, f"measuring heads on {device}", unit="head", leave=False, disable=None):
        head, rng = random_head(name, robot), np.random.default_rng(0)
        inputs = {batch: random_inputs(input_shapes(head, INPUT_DIM), batch, rng) for batch in batches}
        expected = {batch: run_torch(head, values) for batch, values in inputs.items()}
        facts = {"head": name, "parameters": sum(p.numel() for p in head.parameters())}
        facts |= floors.of(head, partial(run_torch, head, inputs[min(batches)]))
        rows: dict[str, dict[str, Any]] = {}
        calls: dict[tuple[str, int], Call] = {}
        for way in ways:
            if way == "graph" and device.type == "cpu":
                continue
            rows[way] = row = {**facts, "way": way}
            try:
                found = _calls(way, head, device, inputs, threads)
                row["max_difference"] = max(float(np.abs(call() - expected[batch]).max()) for batch, call in found.items())
                in_turns(found, range(1))  # a pass that fails only when it is repeated fails here, and alone
            except Exception as error:  # of torch, CUDA, ONNX Runtime, TensorRT: each has its own
                row["error"] = reason(error)
                continue
            calls |= {(way, batch): call for batch, call in found.items()}
        durations = in_turns(calls, range(rounds), _evictor(device))
        for way, row in rows.items():
            if "error" not in row:
                row["latency_ms"] = {str(batch): vars(Latency.of(durations[way, batch])) for batch in batches}
            yield row


def reason(error: Exception) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _calls(
    way: str, head: ActionHead, device: torch.device, inputs: Mapping[int, Mapping[str, np.ndarray]], threads: int
) -> dict[int, Call]:
    """One pass of a head for each batch, its inputs given once."""
    layers: dict[int, ActionLayer] = {}
    if way in ("eager", "graph"):
        for batch in inputs:
            layers[batch] = TorchActionLayer(copy.deepcopy(head), device, threads, graph=way == "graph")
        inputs = {batch: {ARGUMENTS.get(name, name): array for name, array in values.items()} for batch, values in inputs.items()}
    else:
        provider = "tensorrt" if way == "tensorrt" else device.type
        session = open_session(export_head(head, INPUT_DIM).SerializeToString(), threads, provider)
        layers |= {batch: OnnxActionLayer(session, batch) for batch in inputs}
    for batch, layer in layers.items():
        layer.run(inputs[batch])
    return {batch: partial(layer.run, {}) for batch, layer in layers.items()}


def _evictor(device: torch.device) -> Callable[[], object] | None:
    """What leaves nothing of the weights in a GPU's cache, so that each pass finds them as on a robot; the CPU's is left to the turns."""
    if device.type == "cpu":
        return None
    memory = torch.empty(EVICTED, dtype=torch.uint8, device=device)

    def evict() -> None:
        memory.zero_()
        torch.cuda.synchronize(device)

    return evict


def device_table(rows: Sequence[Mapping[str, Any]], batches: Sequence[int], device: torch.device) -> str:
    """The rows of `measure_on_device` as text."""
    columns = ["Head", "Way", "Parameters", "Max diff", "Floors, batch 1 [ms]", *(f"{device}, batch {batch} [ms]" for batch in batches)]
    lines = []
    for row in rows:
        line = [row["head"], row["way"], f"{row['parameters']:,}"]
        if "error" in row:
            lines.append([*line, "failed", row["error"][:60], *[""] * len(batches)])
            continue
        line += [f"{row['max_difference']:.1e}", f"{row['floor_bytes_ms']:.3f}, {row['floor_operations_ms']:.4f}"]
        lines.append(line + [str(Latency(**row["latency_ms"][str(batch)])) for batch in batches])
    return table(columns, lines, numeric=range(2, len(columns)))
