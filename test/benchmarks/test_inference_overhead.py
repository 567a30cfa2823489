"""Where the time from an image to its chunk goes, and what the inference process costs beyond its computing.

The real node and the shipped policy over DDS, 640 x 480 images at 15 Hz, 10 chunks a second. `make bench` prints a table.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from inference_harness import running_node, synthetic_robot
from waiting import wait_until

from neon_control.runtime.policy.policy_file import read_policy_file

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS = 20.0  # of measurement
PARTS = ("observation_to_chunk", "vision", "audio", "action_layer", "overhead", "build", "publish")  # build and publish are in overhead


def test_overhead(benchmark, capsys, tmp_path: Path, ros_domain_id: int):
    names = read_policy_file("g1_reach").space.joint_names
    with running_node(tmp_path / "log", policy="g1_reach") as node, synthetic_robot(names) as robot:
        wait_until(lambda: robot.value("chunks_published") > 50, 60.0, "50 chunks")

        def measure() -> None:
            chunks, computing, busy, start = (
                robot.value("chunks_published"),
                _computing(robot),
                _cpu_seconds(node.process.pid),
                time.monotonic(),
            )
            wait_until(lambda: time.monotonic() - start >= SECONDS, SECONDS + 5.0, "the end of the measurement")
            seconds = time.monotonic() - start
            chunks = robot.value("chunks_published") - chunks
            share = 100.0 * (_cpu_seconds(node.process.pid) - busy) / seconds
            wanted = 100.0 * chunks * 1e-3 * 0.5 * (computing + _computing(robot)) / seconds
            benchmark.extra_info.update({"chunks_per_s": chunks / seconds, "cpu_percent": share, "computing_percent": wanted})

        benchmark.pedantic(measure, rounds=1)
        figures = {part: (robot.value(f"{part}_ms/p50"), robot.value(f"{part}_ms/p99")) for part in PARTS}
    benchmark.extra_info.update({f"{part}_ms": values for part, values in figures.items()})
    with capsys.disabled():
        print("\n" + "\n".join(f"{part:<22} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms" for part, (p50, p99) in figures.items()))
        print(", ".join(f"{key} {benchmark.extra_info[key]:.1f}" for key in ("chunks_per_s", "cpu_percent", "computing_percent")))


def _computing(robot) -> float:
    """[ms] Encoders and action layer for one chunk, the middle one of those that the diagnostics cover."""
    return sum(robot.value(f"{part}_ms/p50") for part in ("vision", "audio", "action_layer"))


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
