"""`neon_control bench`: what every action head costs in torch and in ONNX Runtime, and where a policy's time goes.

Everything is measured in turns: one pass of each head in torch, in ONNX Runtime, and so on, then the next round. Whatever else the
machine does slows all of them alike, and each pass finds its weights outside the caches, as on a robot that infers ten times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path

import onnxruntime
import torch
from tqdm import tqdm

from neon_control.bench.delay import measure_delay
from neon_control.bench.device import WAYS, device_table, measure_on_device
from neon_control.bench.heads import head_table, load_peer, measure_heads, prepare
from neon_control.bench.measure import BLOCKS
from neon_control.bench.policy import measure_policy, policy_table
from neon_control.bench.rows import GROUPED, HEADS
from neon_control.core.common.errors import ConfigError
from neon_control.runtime.compute.torch_device import torch_device
from neon_control.tools.arguments import new_file, whole

EPILOG = """\
columns:
  max diff    largest difference between torch and ONNX Runtime over random inputs, in normalised actions
  torch, ONNX median / 99th percentile of one pass at batch 1 [ms]
  batch N     N observations at once on --device: features there already, actions brought back; each way of running is told in
              neon_control/bench/device.py
  floors      on --device: its weights over its copy bandwidth, its operations over its matrix rate, both rates measured there [ms]
  floor       one matrix-vector product (BLAS) over as many bytes as the graph's weights: what reading them once costs [ms]
  peer        the other package's head of the same name, in torch; in brackets its median over ours, torch and ONNX

examples:
  pip download --no-deps neon-vla==0.1.5 -d /tmp/peer && unzip -q /tmp/peer/neon_vla-0.1.5-*.whl -d /tmp/peer
  neon_control bench --device cuda --batch 1 16 64
  neon_control bench --device cuda --only-device --ways graph tensorrt --rows rows.jsonl
  neon_control bench --policy g1_reach --peer /tmp/peer/neon/model/action_heads.py --json bench.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = [*HEADS, *GROUPED]
    parser.add_argument("--heads", nargs="*", choices=names, default=names, metavar="HEAD", help=f"which rows, of {', '.join(names)}")
    parser.add_argument("--threads", nargs="+", type=whole(1), default=[1, 2], help="numbers of threads to measure with (default: 1 2)")
    parser.add_argument("--rounds", type=whole(BLOCKS), default=100, help="passes of each (default: %(default)s)")
    parser.add_argument("--device", metavar="DEVICE", help="also measure the heads on cpu or cuda, in every way that they can run there")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS[:3], help=f"ways on the device (default: {' '.join(WAYS[:3])})")
    parser.add_argument("--only-device", action="store_true", help="leave out the table of the CPU")
    parser.add_argument("--batch", nargs="+", type=whole(1), default=[1, 16, 64], help="batch sizes on the device (default: 1 16 64)")
    parser.add_argument("--robot", default="g1.yaml", help="robot whose modes and policy are measured (default: %(default)s)")
    parser.add_argument("--policy", help="also measure the parts of this policy, with each type of weights")
    text = "also tell how this policy's chunks meet each other on this bag, at its 99th percentile here from observation to chunk"
    parser.add_argument("--bag", type=Path, metavar="BAG", help=text)
    text = "also measure the heads of this file, neon/model/action_heads.py of neon-vla"
    parser.add_argument("--peer", type=Path, metavar="FILE", help=text)
    parser.add_argument("--rows", type=new_file, metavar="FILE", help="append each row of the device to this file at once, as JSON")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all numbers into this file too")


def run(args: argparse.Namespace) -> int:
    if args.only_device and not args.device:
        raise ConfigError("--only-device leaves out the CPU's table, but there is no --device to measure instead")
    if args.bag and not args.policy:
        raise ConfigError("--bag looks at the chunks of a policy, but there is no --policy")
    device = torch_device(args.device) if args.device else None
    peers = load_peer(args.peer) if args.peer else None
    threads_before = torch.get_num_threads()
    result: dict[str, object] = {"machine": machine(), "rounds": args.rounds}
    try:
        with torch.no_grad(), tempfile.TemporaryDirectory() as scratch:
            if args.heads and not args.only_device:
                names = tqdm(args.heads, "exporting heads", unit="head", leave=False, disable=None)
                cases = [prepare(name, args, Path(scratch), peers) for name in names]
                result["heads"] = rows = measure_heads(cases, args.threads, args.rounds)
                print(head_table(rows, args.threads, peers is not None))
            if device:
                result["device"] = rows = []
                for row in measure_on_device(args.heads, args.robot, device, args.batch, args.threads[0], args.rounds, args.ways):
                    rows.append(row)
                    if args.rows:
                        append_row(args.rows, row)
                print("\n" + device_table(rows, args.batch, device))
            if args.policy:
                result["policy"] = rows = measure_policy(args, Path(scratch))
                print("\n" + policy_table(rows, args.threads))
            if args.bag:
                latency = next(row["latency_ms"] for row in rows if row["part"] == "observation to chunk")
                seconds = 1e-3 * latency[str(args.threads[0])]["p99"]  # type: ignore[index]
                result["delay"], text = measure_delay(args.policy, args.robot, args.bag, seconds, args.threads[0])
                print("\n" + text)
    finally:
        torch.set_num_threads(threads_before)
    print("\n" + ", ".join(f"{key} {value}" for key, value in machine().items()) + f", {args.rounds} rounds")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def append_row(file: Path, row: Mapping[str, object]) -> None:
    """One line of JSON, on the disk when this returns: a run that is cut off loses the row that it was at, and no other."""
    with file.open("a") as lines:
        lines.write(json.dumps(row) + "\n")


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    try:
        info = Path("/proc/cpuinfo").read_text()
        processor = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    versions = {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"processor": processor, "cores": os.cpu_count(), "load": f"{os.getloadavg()[0]:.1f}", **versions, **gpu}
