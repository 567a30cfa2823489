"""What a slower backbone costs: success, jerk and seams of the demo over an added latency, by method.

    python test/benchmarks/delay_curve.py --cell latest=policies/flow --cell forward-only=policies/flow \\
        --cell prefix=policies/flow_prefix --episodes 50 --seed 11 --rows delay.jsonl \\
        --plot docs/images/delay_curve.png --document docs/delay.md

A cell is a method, a policy and a latency; each runs `neon_control demo --headless` with its real nodes. Finished cells, one line of JSON
each in `--rows`, are not run again, so that an interrupted series goes on where it was, and the picture and the table can be drawn anew.

Methods:

    latest, blend, act   how the executor combines chunks, which know nothing of what is committed
    forward-only         chunks that start from what is under way; the policy is exported for that first (`export --forward-only`)
    prefix               chunks of a policy that was trained to go on from what is committed (`max_prefix`)

The last two are followed as with `latest`. The inference node keeps each image's features back (`added_latency`) and looks at no other
image meanwhile, as a backbone that is slower by so much: chunks do not only come later, but also less often.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from neon_control.core.common.files import sha256
from neon_control.core.common.proportions import wilson
from neon_control.core.common.text_table import markdown_table
from neon_control.runtime.export.policy_export import export_again
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, PolicyFile, read_policy_file

LATENCIES = (0, 40, 80, 160, 320, 480)  # [ms]
# Method -> how the executor combines chunks, and whether the inference node gives them a prefix.
METHODS = {
    "latest": ("latest", False),
    "blend": ("blend", False),
    "act": ("act", False),
    "forward-only": ("latest", True),
    "prefix": ("latest", True),
}
BEGIN, END = "<!-- delay_curve.py: begin -->", "<!-- delay_curve.py: end -->"
CELL = ("method", "policy", "files", "latency_ms", "robot", "episodes", "seed")  # what tells one from the others


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", action="append", default=[], metavar="METHOD=POLICY", help="with every latency; may be repeated")
    parser.add_argument("--latencies", nargs="+", type=float, default=LATENCIES, metavar="MS", help="added (default: %(default)s)")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--robot", default="g1.yaml")
    parser.add_argument("--params-file", type=Path, default=Path("config/robot.yaml"), help="what the cells' own parameters are added to")
    parser.add_argument("--rows", type=Path, default=Path("delay_curve.jsonl"))
    parser.add_argument("--limit", type=float, default=3600.0, metavar="S", help="longest run of a cell")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--document", type=Path, metavar="FILE", help=f"write the table between the lines '{BEGIN}' and '{END}'")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        policies = [(method, prepared(method, name, args.rows)) for method, name in map(split_cell, args.cell)]
        done = {key_of(row) for row in read_rows(args.rows)}
        for method, file in policies:
            for latency in args.latencies:
                cell = describe(method, file, latency, args)
                if key_of(cell) in done:
                    continue
                print(f"{method}, {file.name}, {latency:g} ms ...", flush=True)
                row = run_cell(cell, file, args, Path(scratch))
                failed += row is None
                if row is not None:
                    append(args.rows, row)
    rows = read_rows(args.rows)
    print(curve_table(rows))
    if args.plot:
        draw(rows, args.plot)
    if args.document:
        write_between(args.document, curve_table(rows))
    return 1 if failed else 0


def split_cell(text: str) -> tuple[str, str]:
    """METHOD=POLICY."""
    method, _, policy = text.partition("=")
    if method not in METHODS or not policy:
        raise SystemExit(f"--cell needs METHOD=POLICY with one of {list(METHODS)}, got {text!r}")
    return method, policy


def prepared(method: str, name: str, rows: Path) -> PolicyFile:
    """The policy as the method needs it."""
    file = read_policy_file(name)
    if method == "prefix" and not file.max_prefix:
        raise SystemExit(f"prefix={name}: the policy takes none; train one with --max_prefix")
    if method == "forward-only" and not file.forward_only:
        folder = rows.with_suffix("") / f"{file.name}_forward_only"  # kept: a run that goes on finds the same
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            export_again(file, folder, file.weights, forward_only=True)
        file = read_policy_file(folder)
    return file


def describe(method: str, file: PolicyFile, latency: float, args: argparse.Namespace) -> dict[str, Any]:
    """A cell, before it is run."""
    return {
        "method": method,
        "policy": file.name,
        "files": sha256(file.folder / DESCRIPTION_FILE)[:12],  # which holds the hashes of the others
        "latency_ms": latency,
        "robot": args.robot,
        "episodes": args.episodes,
        "seed": args.seed,
        "horizon_ms": round(1e3 * (file.num_steps - 1) * file.dt),
    }


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in CELL)


def run_cell(cell: dict[str, Any], file: PolicyFile, args: argparse.Namespace, scratch: Path) -> dict[str, Any] | None:
    """Its figures; None where the demo failed."""
    parameters, figures = scratch / "parameters.yaml", scratch / "figures.json"
    figures.unlink(missing_ok=True)
    parameters.write_text(yaml.safe_dump(cell_parameters(cell, file, args.params_file)))
    # The nodes' names of robots and policies are looked up from where this runs.
    command = [
        sys.executable,
        "-m",
        "neon_control.tools.cli",
        "demo",
        "--headless",
        "--episodes",
        str(args.episodes),
        "--seed",
        str(args.seed),
    ]
    command += ["--policy", str(file.folder.absolute()), "--robot", args.robot, "--params-file", str(parameters), "--json", str(figures)]
    start = time.monotonic()
    with (scratch / "log").open("w") as log:
        process = subprocess.Popen([*command, "--log-folder", str(scratch / "nodes")], stdout=log, stderr=subprocess.STDOUT)
        try:
            code: int | str = process.wait(args.limit)
        except subprocess.TimeoutExpired:
            code = f"not ended after {args.limit:g} s"
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60.0)
    if code != 0 or not figures.is_file():
        print(f"  failed ({code}):\n{(scratch / 'log').read_text()[-3000:]}", flush=True)
        return None
    told = json.loads(figures.read_text())
    load = os.getloadavg()[0]
    return {**cell, **told, "interval": interval(told["successes"], told["episodes"]), "seconds": time.monotonic() - start, "load": load}


def cell_parameters(cell: Mapping[str, Any], file: PolicyFile, base: Path) -> dict[str, Any]:
    """Those of the base file, and those that make the cell. An executor that waits for a slower backbone must not call it gone."""
    sections: dict[str, Any] = yaml.safe_load(base.read_text())
    method, prefixes = METHODS[cell["method"]]
    seconds = 1e-3 * cell["latency_ms"]
    of_inference = sections["/**/inference_node"]["ros__parameters"]
    of_inference |= {"added_latency": seconds, "prefixes": prefixes}
    of_executor = sections["/**/executor_node"]["ros__parameters"]
    of_executor |= {
        "mode": file.space.mode,
        "chunk_steps": file.num_steps,
        "chunk_timeout": max(0.3, (file.num_steps - 1) * file.dt),  # as long as a chunk has something to say
        "chunk_deadline": 0.5 + 2.0 * seconds,
        "joints": {"method": method},
        "base": {"method": method},
    }
    return sections


def interval(successes: int, episodes: int) -> list[float]:
    """95 % interval of a share."""
    return [round(end, 3) for end in wilson(successes, episodes)]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Those that are complete: the last line may have been cut off."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            print(f"{path}: a line that is no JSON is left out: {line[:60]}", file=sys.stderr)
    return found


def append(path: Path, row: Mapping[str, Any]) -> None:
    cut_off = path.exists() and path.stat().st_size and not path.read_text().endswith("\n")
    with path.open("a") as lines:
        lines.write(("\n" if cut_off else "") + json.dumps(row) + "\n")


def curve_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As Markdown: a line for each cell, in the order of method, policy and latency."""
    head = (
        "robot",
        "method",
        "policy, horizon",
        "added latency",
        "success, 95 %",
        "time to it",
        "jerk [rad/s^3]",
        "seam p95 [mrad]",
        "observation to command, p50 / p99",
        "stops",
    )
    order = sorted(rows, key=lambda r: (r["robot"], list(METHODS).index(r["method"]), r["policy"], r["latency_ms"]))
    return markdown_table(head, [cell_line(row) for row in order])


def cell_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["interval"]
    seam, age = row["seam_mrad"]["p95"], row["observation_to_command_ms"]
    return (
        row["robot"],
        row["method"],
        f"{row['policy']}, {row['horizon_ms']} ms",
        f"{row['latency_ms']:g} ms",
        f"{row['successes']} of {row['episodes']}, {low:.2f} to {high:.2f}",
        number(row["mean_time_to_reach_s"], "{:.2f} s"),
        number(row["mean_absolute_jerk"], "{:.0f}"),
        number(seam, "{:.1f}"),
        " / ".join(number(age[p], "{:.0f}") for p in ("p50", "p99")) + " ms",
        str(row["stops_for_chunks"]),
    )


def number(value: float | None, form: str) -> str:
    return "" if value is None or not math.isfinite(value) else form.format(value)


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Success with its interval, jerk and seams over the added latency; a row of panels for each robot."""
    from matplotlib.figure import Figure

    robots = sorted({row["robot"] for row in rows})
    figure = Figure(figsize=(13.0, 3.6 * len(robots)), layout="constrained")
    panels = figure.subplots(len(robots), 3, squeeze=False)
    for line, robot in zip(panels, robots, strict=True):
        of_robot = [row for row in rows if row["robot"] == robot]
        for method, policy in sorted({(r["method"], r["policy"]) for r in of_robot}, key=lambda c: (list(METHODS).index(c[0]), c[1])):
            cells = sorted((r for r in of_robot if (r["method"], r["policy"]) == (method, policy)), key=lambda r: r["latency_ms"])
            times = [r["latency_ms"] for r in cells]
            share = [r["successes"] / r["episodes"] for r in cells]
            spread = [
                [s - r["interval"][0] for s, r in zip(share, cells, strict=True)],
                [r["interval"][1] - s for s, r in zip(share, cells, strict=True)],
            ]
            label = f"{method}, {policy}"
            line[0].errorbar(times, share, yerr=spread, marker="o", markersize=3, capsize=2, label=label)
            line[1].plot(times, [value_or_nan(r["mean_absolute_jerk"]) for r in cells], marker="o", markersize=3, label=label)
            line[2].plot(times, [value_or_nan(r["seam_mrad"]["p95"]) for r in cells], marker="o", markersize=3, label=label)
        for axes, title in zip(line, ("success, 95 % interval", "mean absolute jerk [rad/s^3]", "seam, p95 [mrad]"), strict=True):
            axes.set(
                title=f"{robot}: {title}",
                xlabel="added latency [ms]",
                ylim=(0.0, None),
                xlim=(-20.0, max(r["latency_ms"] for r in rows) + 20.0),
            )
            axes.grid(alpha=0.3)
        line[0].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def value_or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def write_between(path: Path, text: str) -> None:
    """Put `text` between the two marked lines of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{path} has no lines '{BEGIN}' and '{END}'")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
