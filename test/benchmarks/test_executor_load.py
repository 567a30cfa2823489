"""The executor process at work: CPU share, tick time, and wake-up lateness beside a bare loop of the same rate.

Real processes and DDS: a chunk player at 10 Hz, joint states at 200 Hz, a recorder. `make bench` prints a line for each case.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from executor_rig import Rig, rig
from many_joints import write_robot

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS = 12.0  # of measurement
BARE_LOOP = """
import sys, time
period, late = round(1e9 / float(sys.argv[1])), []
deadline = time.monotonic_ns()
end = deadline + float(sys.argv[2]) * 1e9
while deadline < end:
    deadline += period
    time.sleep(max(0, deadline - time.monotonic_ns()) * 1e-9)
    late.append((time.monotonic_ns() - deadline) * 1e-6)
late.sort()
print(late[len(late) // 2], late[len(late) * 99 // 100])
"""
CASES = [(100, 17, 8), (200, 17, 8), (500, 17, 8), (200, 32, 8), (200, 128, 8), (200, 17, 1), (200, 17, 64)]
CHUNKS = {1: ("--rate", "5", "--dt", "0.02"), 8: ("--rate", "10", "--dt", "0.054"), 64: ("--rate", "10", "--dt", "0.44")}


@pytest.mark.parametrize(("rate", "joints", "chunks"), CASES)
def test_load(benchmark, capsys, tmp_path: Path, ros_domain_id: int, rate: int, joints: int, chunks: int):
    with rig(ros_domain_id, robot=write_robot(tmp_path, joints), rate=float(rate), chunk_timeout=0.6) as running:
        running.start_player(*CHUNKS[chunks])
        running.wait_moving()
        wait = 7.0 if chunks == 64 else 1.0  # until all votes are there
        running.run_for(wait)
        benchmark.pedantic(lambda: benchmark.extra_info.update(measure(running)), rounds=1)
    figures = benchmark.extra_info
    with capsys.disabled():
        print(f"\n{rate} Hz, {joints} joints, {chunks} chunks: " + ", ".join(f"{k} {v:.3f}" for k, v in figures.items()))


def measure(rig: Rig) -> dict[str, float]:
    """Figures over `SECONDS`, times in ms; the bare loop runs at the same time."""
    bare = subprocess.Popen([sys.executable, "-c", BARE_LOOP, str(rig.rate), str(SECONDS)], stdout=subprocess.PIPE, text=True)
    before = cpu_seconds(rig.executor.pid)
    rig.run_for(SECONDS)
    share = (cpu_seconds(rig.executor.pid) - before) / SECONDS
    bare_p50, bare_p99 = map(float, bare.communicate()[0].split())
    status = rig.report()
    figures = {"cpu_percent": 100.0 * share, "rate_hz": float(status["rate_hz"]), "votes": float(status["votes/joints"])}
    for key in ("tick_ms/p50", "tick_ms/p99", "lateness_ms/p50", "lateness_ms/p99"):
        figures[key] = float(status[key])
    return {**figures, "bare_lateness_ms/p50": bare_p50, "bare_lateness_ms/p99": bare_p99}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
