"""`neon_control bench`: what every action head costs in torch and in ONNX Runtime, and where a policy's time goes.

Everything is measured in turns: one pass of each head in torch, in ONNX Runtime, and so on, then the next round. Whatever else the
machine does slows all of them alike, and each pass finds its weights outside the caches, as on a robot that infers ten times a second.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from neon_control.core.action_space import MODES, ActionSpace
from neon_control.core.errors import NeonControlError
from neon_control.core.robot import load_robot
from neon_control.model.action_heads import ActionHead, build_head, group_sizes
from neon_control.runtime.backbones.backbone import BackboneOptions
from neon_control.runtime.export import export_again
from neon_control.runtime.graph_weights import WEIGHT_TYPES
from neon_control.runtime.head_export import ARGUMENTS, export_head, input_shapes, largest_difference, random_inputs
from neon_control.runtime.policy import Policy
from neon_control.runtime.policy_file import read_policy_file
from neon_control.runtime.sessions import open_session
from neon_control.runtime.torch_action_layer import rebuild_policy
from neon_control.tools.arguments import new_file, whole
from neon_control.tools.measure import ActionError, Latency, in_turns, policy_inputs, torch_actions
from neon_control.tools.text_table import table

INPUT_DIM = 2048
# How a row is named -> the configuration of the head; the grouped ones of the robot's modes are added to these.
HEADS = {
    "mlp": {"type": "mlp"},
    "chunking": {"type": "chunking"},
    "flow": {"type": "flow"},
    "dit": {"type": "dit"},
    "state_relative": {"type": "state_relative", "inner": {"type": "chunking"}},
    "ensemble": {"type": "ensemble"},
}
GROUPED = {f"grouped/{mode}": mode for mode in MODES}
PEERS = {  # row -> class in the peer's file
    "mlp": "MLPDecoder",
    "chunking": "ActionChunkingHead",
    "flow": "FlowMatchingHead",
    "dit": "DiTActionHead",
    "ensemble": "EnsembleHead",
}
BATCHES = (1, 3)  # batch sizes at which torch and ONNX Runtime are compared
BLOCKS = 4  # how often the measurement changes the number of threads and comes back
EPILOG = """\
columns:
  max diff    largest difference between torch and ONNX Runtime over random inputs, in normalised actions
  torch, ONNX median / 99th percentile of one pass at batch 1 [ms]
  floor       one matrix-vector product (BLAS) over as many bytes as the graph's weights: what reading them once costs [ms]
  peer        the other package's head of the same name, in torch; in brackets its median over ours, torch and ONNX

example:
  pip download --no-deps neon-vla==0.1.5 -d /tmp/peer && unzip -q /tmp/peer/neon_vla-0.1.5-*.whl -d /tmp/peer
  neon_control bench --policy g1_reach --peer /tmp/peer/neon/model/action_heads.py --json bench.json
"""


@dataclass
class Case:
    """One head, ready to be measured."""

    name: str
    head: ActionHead
    parameters: int
    weight_bytes: int  # of the graph
    difference: float
    sessions: dict[int, onnxruntime.InferenceSession]  # threads -> session
    inputs: dict[str, np.ndarray]
    peer: torch.nn.Module | None = None
    matrix: torch.Tensor = field(init=False)  # (rows, INPUT_DIM), as large as the weights

    def __post_init__(self) -> None:
        self.matrix = torch.ones(max(1, self.weight_bytes // (4 * INPUT_DIM)), INPUT_DIM)

    def calls(self, threads: int) -> Iterator[tuple[str, Callable[[], object]]]:
        """What is measured: (column, call)."""
        session, inputs = self.sessions[threads], self.inputs
        arguments = {ARGUMENTS.get(name, name): torch.from_numpy(values) for name, values in inputs.items()}
        vector = torch.ones(INPUT_DIM)
        yield "torch", lambda: self.head(**arguments)
        yield "onnx", lambda: session.run(None, inputs)
        yield "floor", lambda: torch.mv(self.matrix, vector)
        if self.peer is not None:
            peer = self.peer
            yield "peer", lambda: peer(arguments["features"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `neon_control bench`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    names = [*HEADS, *GROUPED]
    parser.add_argument("--heads", nargs="*", choices=names, default=names, metavar="HEAD", help=f"which rows, of {', '.join(names)}")
    parser.add_argument("--threads", nargs="+", type=whole(1), default=[1, 2], help="numbers of threads to measure with (default: 1 2)")
    parser.add_argument("--rounds", type=whole(BLOCKS), default=100, help="passes of each (default: %(default)s)")
    parser.add_argument("--robot", default="g1.yaml", help="robot whose modes and policy are measured (default: %(default)s)")
    parser.add_argument("--policy", help="also measure the parts of this policy, with each type of weights")
    parser.add_argument(
        "--peer", type=Path, metavar="FILE", help="also measure the heads of this file, neon/model/action_heads.py of neon-vla"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all numbers into this file too")


def run(args: argparse.Namespace) -> int:
    """Export, compare, measure, print."""
    peers = load_peer(args.peer) if args.peer else None
    threads_before = torch.get_num_threads()
    result: dict[str, object] = {"machine": machine(), "rounds": args.rounds}
    try:
        with torch.no_grad(), tempfile.TemporaryDirectory() as scratch:
            if args.heads:
                cases = [prepare(n, args, Path(scratch), peers) for n in tqdm(args.heads, "exporting heads", unit="head", leave=False)]
                result["heads"] = rows = measure_heads(cases, args.threads, args.rounds)
                print(head_table(rows, args.threads, peers is not None))
            if args.policy:
                result["policy"] = rows = measure_policy(args, Path(scratch))
                print("\n" + policy_table(rows, args.threads))
    finally:
        torch.set_num_threads(threads_before)
    print("\n" + ", ".join(f"{key} {value}" for key, value in machine().items()) + f", {args.rounds} rounds")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def prepare(name: str, args: argparse.Namespace, scratch: Path, peers: ModuleType | None) -> Case:
    """Build one head with random weights, export it, and compare the two."""
    torch.manual_seed(0)
    head = build_head(head_config(name, args.robot)).eval()
    for parameter in head.parameters():  # norms, biases and residual scales start at 0 or 1: make every one of them count
        if parameter.dim() < 2:
            parameter.add_(0.1 * torch.randn_like(parameter))
    model = export_head(head, INPUT_DIM)
    path = scratch / f"{name.replace('/', '_')}.onnx"
    path.write_bytes(model.SerializeToString())
    sessions = {threads: open_session(path, threads) for threads in args.threads}
    shapes, rng = input_shapes(head, INPUT_DIM), np.random.default_rng(0)
    difference = max(largest_difference(head, sessions[args.threads[0]], random_inputs(shapes, batch, rng)) for batch in BATCHES)
    peer = None if peers is None or name not in PEERS else getattr(peers, PEERS[name])(INPUT_DIM, head.action_dim).eval()
    parameters = sum(p.numel() for p in head.parameters())
    weight_bytes = sum(4 * int(np.prod(t.dims)) for t in model.graph.initializer)
    return Case(name, head, parameters, weight_bytes, difference, sessions, random_inputs(shapes, 1, rng), peer)


def head_config(name: str, robot: str) -> dict[str, object]:
    """The configuration of a row's head."""
    if name in HEADS:
        return {"input_dim": INPUT_DIM, "action_dim": 17, "num_steps": 16, **HEADS[name]}
    groups = group_sizes(ActionSpace.from_robot(load_robot(robot), GROUPED[name]))
    return {"type": "grouped", "input_dim": INPUT_DIM, "action_dim": sum(groups.values()), "num_steps": 16, "groups": groups}


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


def measure_in_blocks(
    calls: Callable[[int], dict[str, Callable[[], object]]], threads: Sequence[int], rounds: int, text: str
) -> dict[tuple[int, str], Latency]:
    """Durations of every call at every number of threads; the numbers of threads take turns too, in blocks of rounds."""
    durations: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    with tqdm(total=BLOCKS * len(threads) * (rounds // BLOCKS), desc=text, unit="round", leave=False) as progress:
        for _ in range(BLOCKS):
            for count in threads:
                torch.set_num_threads(count)

                def ticking() -> Iterator[int]:
                    for i in range(rounds // BLOCKS):
                        yield i
                        progress.update()

                for name, taken in in_turns(calls(count), ticking()).items():
                    durations[count, name] += taken
    return {key: Latency.of(taken) for key, taken in durations.items()}


def measure_heads(cases: Sequence[Case], threads: Sequence[int], rounds: int) -> list[dict[str, object]]:
    """One row for each head."""

    def calls(count: int) -> dict[str, Callable[[], object]]:
        return {f"{case.name}|{column}": call for case in cases for column, call in case.calls(count)}

    latencies = measure_in_blocks(calls, threads, rounds, "measuring heads")
    rows = []
    for case in cases:
        found = {(n, name.split("|")[1]): value for (n, name), value in latencies.items() if name.split("|")[0] == case.name}
        rows.append(
            {
                "head": case.name,
                "parameters": case.parameters,
                "weight_bytes": case.weight_bytes,
                "max_difference": case.difference,
                "latency_ms": {f"{column}_{n}": vars(value) for (n, column), value in found.items()},
            }
        )
    return rows


def head_table(rows: Sequence[dict], threads: Sequence[int], with_peer: bool) -> str:
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


def measure_policy(args: argparse.Namespace, scratch: Path) -> list[dict[str, object]]:
    """One row for each part of a policy, and for the action layer one for each type of weights."""
    file, robot = read_policy_file(args.policy), load_robot(args.robot)
    module = rebuild_policy(file)
    for weights in tqdm(WEIGHT_TYPES, "exporting policy", unit="type", leave=False):
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

        return {"observation to chunk": predict} | {w: lambda s=sessions[n, w]: s.run(None, inputs[0]) for w in WEIGHT_TYPES}

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


def policy_table(rows: Sequence[dict], threads: Sequence[int]) -> str:
    """The rows of `measure_policy` as text."""
    columns = ["Part", *(f"x{n} [ms]" for n in threads), "Size [MB]", "Max error [rad]", "Mean error [rad]"]
    lines = []
    for row in rows:
        line = [row["part"], *(str(Latency(**row["latency_ms"][str(n)])) for n in threads)]
        error = row.get("error")
        line += [f"{row['bytes'] / 1e6:.2f}", f"{error['joints_max']:.1e}", f"{error['joints_mean']:.1e}"] if error else ["", "", ""]
        lines.append(line)
    return table(columns, lines, numeric=range(1, len(columns)))


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    try:
        info = Path("/proc/cpuinfo").read_text()
        processor = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    load = f"{os.getloadavg()[0]:.1f}"
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "load": load,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
