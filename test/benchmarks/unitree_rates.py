"""How late the messages of a G1's driver are, and what it costs, beside a loop that only sleeps until the same deadlines.

    python test/benchmarks/unitree_rates.py --seconds 60 [--rates 50 250 500]

For each rate: the stand-in, our driver which has the arms and is told nothing, and the bare loop, three processes. Lateness is what each
says of itself: the driver of its newest messages, in its diagnostics. Gaps are between instants at which something was sent, or the loop
woke up. A pause is a gap of more than two and a half periods; a burst is eleven messages within less than nine periods.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from neon_control.core.common.text_table import markdown_table
from neon_control.core.control.pacing import Pacer
from neon_control.monitor.link import Link
from neon_control.nodes.processes import ProcessGroup, free_domain_id, node_command, prepare_environment
from neon_control.sim.unitree.log import Log

START = 60.0  # [s]
COLUMNS = (
    "rate [Hz]",
    "what",
    "per second",
    "late p50 [ms]",
    "late p99 [ms]",
    "gap p99 [ms]",
    "longest gap [ms]",
    "pauses",
    "bursts",
    "core [%]",
    "lowstate [Hz]",
)


def bare(rate: float, seconds: float, file: Path) -> None:
    """Sleep until each deadline, and note when it was over, and how late."""
    pacer, ticks = Pacer(1.0 / rate), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lateness = pacer.wait().lateness
        ticks.append((time.time_ns(), round(1e9 * lateness)))
    np.array(ticks, np.int64).tofile(file)


def figures(instants: np.ndarray, rate: float) -> tuple[str, ...]:
    """Of instants (N,) [ns]."""
    period, gaps = 1e9 / rate, np.diff(instants)
    bursts = int((instants[10:] - instants[:-10] < 9 * period).sum())
    shown = (f"{value / 1e6:.2f}" for value in (np.percentile(gaps, 99), gaps.max()))
    return (*shown, str(int((gaps > 2.5 * period).sum())), str(bursts))


def cpu_seconds(pid: int) -> float:
    """[s] that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(rate: float, seconds: float, folder: Path) -> list[tuple[str, ...]]:
    """Rows of the table for one rate."""
    wire, log = {"network_interface": "lo", "domain": free_domain_id()}, folder / "wire"
    robot = {**wire, "log_folder": str(log), "width": 64, "height": 48, "camera_rate_hz": 1.0, "mute": True}
    with Link("rates") as link, ProcessGroup(folder / "log") as group:
        link.start()
        group.start("unitree_sim_node", node_command("neon_control.sim.unitree.node", None, robot))
        group.start("unitree_node", node_command("neon_control.robots.unitree.node", None, {**wire, "rate_hz": rate}))
        begin = time.monotonic()
        while not (log.is_dir() and (rows := Log.read(log).rows).size and rows["weight"][-1] == 1.0):
            group.check()
            if time.monotonic() - begin > START:
                sys.exit(f"the arms were not taken within {START:.0f} s; logs in {folder}:\n{group.tail('unitree_node')}")
            time.sleep(0.2)
        file = folder / "bare.bin"
        loop = subprocess.Popen([sys.executable, __file__, "--bare", str(rate), str(seconds), str(file)])
        time.sleep(1.0)  # until its modules are loaded
        pids = {"driver": group.pid("unitree_node"), "robot": group.pid("unitree_sim_node"), "sleep": loop.pid}
        before, since = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.time_ns()
        time.sleep(seconds - 2.0)
        used, until = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}, time.time_ns()
        late = {"driver": np.array([link.number("unitree_node", f"lateness_ms/{p}") or np.nan for p in ("p50", "p99")])}
        loop.wait()
        found = Log.read(log)
    motion = [event for event in found.named("motion") if since <= event["t"] < until]
    heard = (motion[-1]["low_states"] - motion[0]["low_states"]) / ((motion[-1]["t"] - motion[0]["t"]) / 1e9)
    ticks = np.fromfile(file, np.int64).reshape(-1, 2)
    instants = {"driver": found.rows["sent"], "sleep": ticks[:, 0]}
    late |= {"sleep": np.percentile(ticks[:, 1], [50, 99]) / 1e6}
    rows = [(f"{rate:g}", "stand-in", *[""] * 7, f"{100.0 * used['robot'] / ((until - since) / 1e9):.1f}", f"{heard:.0f}")]
    for name, every in instants.items():
        within = every[(every >= since) & (every < until)]
        seconds_within = (until - since) / 1e9
        told = (f"{len(within) / seconds_within:.1f}", *(f"{value:.2f}" for value in late[name]))
        share = f"{100.0 * used[name] / seconds_within:.1f}"
        rows.append((f"{rate:g}", name, *told, *figures(within, rate), share, ""))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[50.0, 250.0, 500.0])
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        bare(float(args.bare[0]), float(args.bare[1]), Path(args.bare[2]))
        return
    prepare_environment()
    rows = []
    for rate in args.rates:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(rate, args.seconds, Path(folder))
            print(rows[-3:], file=sys.stderr, flush=True)
    print(markdown_table(COLUMNS, rows))


if __name__ == "__main__":
    main()
