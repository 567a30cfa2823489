"""What every action head costs in torch and in ONNX Runtime on the CPU, beside the cost of reading its weights, and a peer's heads."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch

from neon_control.bench.measure import Call, Latency, measure_in_blocks
from neon_control.bench.rows import HEADS, INPUT_DIM, random_head
from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.text_table import table
from neon_control.model.action_heads.factory import BUILT_IN
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.head_export import ARGUMENTS, export_head, input_shapes, largest_difference, random_inputs

# Row -> class in the peer's file, which has the same names for heads that need nothing else.
PEERS = {name: BUILT_IN[name].kind.__name__ for name in HEADS if not BUILT_IN[name].needs}
BATCHES = (1, 3)  # batch sizes at which torch and ONNX Runtime are compared


# One head, ready to be measured: its name, parameters, weight_bytes of the graph and max_difference; threads -> column -> one pass.
Case = tuple[dict[str, Any], dict[int, dict[str, Call]]]


def prepare(name: str, args: argparse.Namespace, scratch: Path, peers: ModuleType | None) -> Case:
    """Build one head with random weights, export it, and compare the two."""
    head = random_head(name, args.robot)
    model = export_head(head, INPUT_DIM)
    path = scratch / f"{name.replace('/', '_')}.onnx"
    path.write_bytes(model.SerializeToString())
    sessions = {threads: open_session(path, threads) for threads in args.threads}
    shapes, rng = input_shapes(head, INPUT_DIM), np.random.default_rng(0)
    weight_bytes = sum(4 * int(np.prod(t.dims)) for t in model.graph.initializer)
    facts = {
        "head": name,
        "parameters": sum(p.numel() for p in head.parameters()),
        "weight_bytes": weight_bytes,
        "max_difference": max(largest_difference(head, sessions[args.threads[0]], random_inputs(shapes, batch, rng)) for batch in BATCHES),
    }
    inputs = random_inputs(shapes, 1, rng)
    arguments = {ARGUMENTS.get(name, name): torch.from_numpy(values) for name, values in inputs.items()}
    matrix = torch.ones(max(1, weight_bytes // (4 * INPUT_DIM)), INPUT_DIM)  # as large as the weights
    floor = partial(torch.mv, matrix, torch.ones(INPUT_DIM))
    peer = {}
    if peers is not None and name in PEERS:
        peer = {"peer": partial(getattr(peers, PEERS[name])(INPUT_DIM, head.action_dim).eval(), arguments["features"])}
    calls: dict[int, dict[str, Call]] = {
        threads: {"torch": partial(head, **arguments), "onnx": partial(session.run, None, inputs), "floor": floor, **peer}
        for threads, session in sessions.items()
    }
    return facts, calls


def load_peer(file: Path) -> ModuleType:
    """The module of the peer's heads. Empty stand-ins for its packages keep their __init__ files, and what those import, out.

    Raises:
        NeonControlError: the file is not there, or not where the wheel has it.
    """
    if not file.is_file() or file.parts[-3:-1] != ("neon", "model"):
        raise NeonControlError(f"--peer {file} is not the file neon/model/action_heads.py of an unpacked neon-vla wheel")
    packages = {}
    for name in ("neon", "neon.data", "neon.model"):
        packages[name] = ModuleType(name)
        packages[name].__path__ = [str(file.resolve().parents[1].joinpath(*name.split(".")[1:]))]
    spec = importlib.util.spec_from_file_location("neon.model.action_heads", file)
    assert spec is not None and spec.loader is not None  # it is a .py file
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, {**packages, spec.name: module}):
        spec.loader.exec_module(module)
    return module


def measure_heads(cases: Sequence[Case], threads: Sequence[int], rounds: int) -> list[dict[str, object]]:
    """One row for each head."""

    def calls(count: int) -> dict[tuple[str, str], Call]:
        return {(facts["head"], column): call for facts, of_threads in cases for column, call in of_threads[count].items()}

    latencies = measure_in_blocks(calls, threads, rounds, "measuring heads")
    rows = []
    for facts, of_threads in cases:
        found = {f"{column}_{n}": vars(latencies[n, (facts["head"], column)]) for n in threads for column in of_threads[n]}
        rows.append({**facts, "latency_ms": found})
    return rows


def head_table(rows: Sequence[dict[str, Any]], threads: Sequence[int], with_peer: bool) -> str:
    """The rows of `measure_heads` as text."""
    columns = ["Head", "Parameters", "Max diff"]
    columns += [f"{name} x{n} [ms]" for n in threads for name in ("torch", "ONNX", "floor")] + [f"Peer x{threads[0]} [ms]"] * with_peer
    lines = []
    for row in rows:
        found = {key: Latency(**value) for key, value in row["latency_ms"].items()}
        line = [row["head"], f"{row['parameters']:,}", f"{row['max_difference']:.1e}"]
        for n in threads:
            line += [str(found[f"torch_{n}"]), str(found[f"onnx_{n}"]), f"{found[f'floor_{n}'].p50:.3f}"]
        if with_peer:
            peer = found.get(f"peer_{threads[0]}")
            ratios = [peer.p50 / found[f"{ours}_{threads[0]}"].p50 for ours in ("torch", "onnx")] if peer else []
            line.append(f"{peer.p50:.3f} ({ratios[0]:.1f}x, {ratios[1]:.1f}x)" if peer else "-")
        lines.append(line)
    return table(columns, lines, numeric=range(1, len(columns)))
