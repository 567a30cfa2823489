"""Where a policy's time goes: its parts, and its graph in every type of weights."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from neon_control.bench.measure import ActionError, Latency, measure_in_blocks, policy_inputs, torch_actions
from neon_control.core.common.text_table import table
from neon_control.core.robot.robot_file import load_robot
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.export.graph_weights import WEIGHT_TYPES
from neon_control.runtime.export.policy_export import export_again
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy


def measure_policy(args: argparse.Namespace, scratch: Path) -> list[dict[str, object]]:
    """One row for each part of a policy, and for the action layer one for each type of weights."""
    file, robot = read_policy_file(args.policy), load_robot(args.robot)
    module = rebuild_policy(file)
    for weights in tqdm(WEIGHT_TYPES, "exporting policy", unit="type", leave=False, disable=None):
        export_again(file, scratch / weights, weights)
    files = {weights: read_policy_file(scratch / weights) for weights in WEIGHT_TYPES}
    policies = {n: Policy.load(args.policy, robot, BackboneOptions(n)) for n in args.threads}
    sessions = {(n, w): open_session(f.onnx_path, n) for w, f in files.items() for n in args.threads}
    noise = policies[args.threads[0]].noise
    inputs = list(policy_inputs(module, noise, 100))
    rng = np.random.default_rng(0)
    sound = rng.normal(0.0, 0.1, 32000).astype(np.float32)
    image = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    observation = policies[args.threads[0]].still(0, image, np.zeros(file.space.num_joints), sound)
    parts: defaultdict[tuple[int, str], list[float]] = defaultdict(list)

    def calls(n: int) -> dict[str, Callable[[], object]]:
        def predict() -> None:
            policies[n].predict(observation)
            for part, duration in policies[n].last_ms.items():
                parts[n, part].append(duration)

        return {"observation to chunk": predict} | {w: partial(sessions[n, w].run, None, inputs[0]) for w in WEIGHT_TYPES}

    latencies = measure_in_blocks(calls, args.threads, args.rounds, "measuring policy")
    latencies |= {key: Latency.of(values) for key, values in parts.items()}
    expected = torch_actions(module, inputs)
    rows: list[dict[str, object]] = []
    for name in ("observation to chunk", "vision", "audio", "action_layer", *WEIGHT_TYPES):
        row: dict[str, object] = {"part": name, "latency_ms": {str(n): vars(latencies[n, name]) for n in args.threads}}
        if name in files:
            session = sessions[args.threads[0], name]
            actions = np.concatenate([session.run(None, i)[0] for i in inputs])
            size = sum((scratch / name / f).stat().st_size for f in files[name].files)
            row |= {"part": f"  graph, {name}", "bytes": size, "error": vars(ActionError.between(actions, expected, file.space))}
        rows.append(row)
    return rows


def policy_table(rows: Sequence[dict[str, Any]], threads: Sequence[int]) -> str:
    """The rows of `measure_policy` as text."""
    columns = ["Part", *(f"x{n} [ms]" for n in threads), "Size [MB]", "Max error [rad]", "Mean error [rad]"]
    lines = []
    for row in rows:
        line = [row["part"], *(str(Latency(**row["latency_ms"][str(n)])) for n in threads)]
        error = row.get("error")
        line += [f"{row['bytes'] / 1e6:.2f}", f"{error['joints_max']:.1e}", f"{error['joints_mean']:.1e}"] if error else ["", "", ""]
        lines.append(line)
    return table(columns, lines, numeric=range(1, len(columns)))
