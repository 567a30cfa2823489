"""Where the time from an observation to its first command goes in the demo, beside what its parts take alone.

    python test/benchmarks/latency_parts.py --episodes 20 --seed 11 [--policy NAME] [--params-file FILE]

Runs `neon_control demo --headless` with its real nodes and listens to their diagnostics; before that, the same policy alone in this process
(image to chunk, nothing beside it). Then a table, p50 over the run's newest values:

    look age         from the image's stamp until it was looked at: drawing it, sending it, waiting for the inference node's thread
    vision .. layer  the parts of an inference, each beside the same alone: more is what others take of the cores and of the interpreter
    publish          to send the chunk
    to command       from the chunk's publication to the executor's first tick that uses it

And for each process, of one second: how long its threads ran, how long they were ready but waited for a core
(/proc/PID/task/*/schedstat), and the two for the thread that ran most. What an inference takes longer than alone and is not in the waiting
was spent off the cores, on the interpreter's lock, or on memory that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from neon_control.core.common.text_table import table
from neon_control.core.common.thread_pools import let_idle_threads_sleep
from neon_control.nodes.processes import prepare_environment

PARTS = ("vision_ms", "audio_ms", "action_layer_ms")
ALONE_RUNS = 60


@dataclass
class Share:
    """Of one thread, in [s] since it began."""

    ran: float
    waited: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--policy", default="g1_reach")
    parser.add_argument("--robot", default="g1.yaml")
    parser.add_argument("--params-file", default="robot.yaml")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        alone(args)
        return 0
    single = parts_alone(args)
    prepare_environment()
    told, shares, figures = demo(args)
    rows = [
        ("look age", "", told.get("look_age_ms/p50")),
        *((name.removesuffix("_ms"), single[name], told.get(f"{name}/p50")) for name in PARTS),
        ("publish", "", told.get("publish_ms/p50")),
        ("observation to chunk", single["all"], told.get("observation_to_chunk_ms/p50")),
        ("to command", "", difference(told, "observation_to_command_ms/p50", "observation_to_chunk_ms/p50")),
        ("observation to command", "", told.get("observation_to_command_ms/p50")),
    ]
    text = [(name, *("" if v in ("", None) else f"{v:.1f}" for v in values)) for name, *values in rows]
    print(table(("Part", "Alone [ms]", "In the demo [ms]"), text, numeric=range(1, 3)))
    lines = [(name, *(f"{v:.2f}" for v in values)) for name, values in shares.items()]
    head = ("Process", "ran [s/s]", "waited for a core [s/s]", "its busiest thread ran", "and waited")
    print("\n" + table(head, lines, numeric=range(1, 5)))
    print(f"\n{figures['successes']} of {figures['episodes']}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if args.json:
        args.json.write_text(json.dumps({"alone": single, "demo": told, "shares": shares, "figures": figures}, indent=2) + "\n")
    return 0


def difference(told: dict[str, float], more: str, less: str) -> float | None:
    return told[more] - told[less] if more in told and less in told else None


def parts_alone(args: argparse.Namespace) -> dict[str, float]:
    """[ms] p50 of each part, with nothing beside it; in a process of its own, for the thread pools' settings of the inference node."""
    command = [sys.executable, __file__, "--alone", "--policy", args.policy, "--robot", args.robot]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return found


def alone(args: argparse.Namespace) -> None:
    """Print them; before numpy is imported, as in the node."""
    let_idle_threads_sleep()
    import numpy as np

    from neon_control.core.robot.robot_file import load_robot
    from neon_control.runtime.policy.policy import Policy

    policy = Policy.load(args.policy, load_robot(args.robot))
    rng = np.random.default_rng(0)
    image, sound = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8), rng.normal(0.0, 0.1, 32000).astype(np.float32)
    taken = []
    for stamp in range(ALONE_RUNS):
        policy.predict(policy.still(stamp, image, np.zeros(policy.file.space.num_joints), sound))
        taken.append([policy.last_ms[part.removesuffix("_ms")] for part in PARTS])
    parts = {part: statistics.median(column) for part, column in zip(PARTS, zip(*taken, strict=True), strict=True)}
    print(json.dumps({**parts, "all": statistics.median(map(sum, taken))}))


def demo(args: argparse.Namespace) -> tuple[dict[str, float], dict[str, list[float]], dict[str, object]]:
    """The newest diagnostics of both nodes, each process's shares, and the demo's figures."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray

    told: dict[str, float] = {}

    def listen(message: DiagnosticArray) -> None:
        for status in message.status:
            for value in status.values:
                try:
                    told[value.key] = float(value.value)
                except ValueError:
                    continue

    rclpy.init()
    node = rclpy.create_node("latency_parts")
    node.create_subscription(DiagnosticArray, "/diagnostics", listen, 10)
    with tempfile.TemporaryDirectory() as scratch:
        figures = Path(scratch) / "figures.json"
        command = [sys.executable, "-m", "neon_control.tools.cli", "demo", "--headless", "--episodes", str(args.episodes)]
        command += ["--seed", str(args.seed), "--robot", args.robot, "--policy", args.policy, "--params-file", args.params_file]
        process = subprocess.Popen([*command, "--json", str(figures), "--log-folder", scratch], stdout=subprocess.DEVNULL)
        try:
            first: dict[int, dict[int, Share]] = {}
            names: dict[int, str] = {}
            begin, shares = 0.0, dict[str, list[float]]()
            while process.poll() is None:
                rclpy.spin_once(node, timeout_sec=0.5)
                running = "observation_to_command_ms/p50" in told
                if running and not first:
                    names, begin = children(process.pid), time.monotonic()
                    first = {pid: threads(pid) for pid in names}
                elif first:
                    measured = {names[pid]: since(first[pid], threads(pid), time.monotonic() - begin) for pid in names}
                    shares = measured if all(measured.values()) else shares  # at the end, one after the other is gone
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60.0)
            node.destroy_node()
            rclpy.shutdown()
        if process.returncode != 0:
            raise SystemExit(f"the demo ended with {process.returncode}")
        return told, shares, json.loads(figures.read_text())


def children(parent: int) -> dict[int, str]:
    """Process id -> its module's last word, of the demo and the nodes that it started."""
    found = {parent: "demo"}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat, words = (folder / "stat").read_text(), (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == parent and b"-m" in words:
            found[int(folder.name)] = words[words.index(b"-m") + 1].decode().rsplit(".", 1)[-1]
    return found


def threads(pid: int) -> dict[int, Share]:
    """Thread id -> its share; empty where the process has ended."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            ran, waited, _ = (task / "schedstat").read_text().split()
        except (OSError, ValueError):
            continue
        found[int(task.name)] = Share(1e-9 * int(ran), 1e-9 * int(waited))
    return found


def since(before: dict[int, Share], now: dict[int, Share], seconds: float) -> list[float]:
    """Ran and waited, of all threads and of the busiest one, for each second; empty where the process has ended."""
    if not now or seconds <= 0.0:
        return []
    nothing = Share(0.0, 0.0)
    deltas = [(s.ran - before.get(t, nothing).ran, s.waited - before.get(t, nothing).waited) for t, s in now.items()]
    return [value / seconds for value in (*map(sum, zip(*deltas, strict=True)), *max(deltas))]


if __name__ == "__main__":
    sys.exit(main())
