"""Nothing grows while the nodes run on and the inference node is killed and started again: memory, threads, descriptors, shared memory.

By hand for longer, with a restart a minute: `NEON_ENDURANCE_SECONDS=3600 pytest -s test/system/test_endurance.py`. What each restart led to
is printed: on a busy machine chunks come too late (`chunk_timeout`), and the executor follows now and then, or not at all.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from endurance import SIM, Endurance
from process_figures import Figures

from neon_control.monitor.link import EXECUTOR, INFERENCE

SECONDS = float(os.environ.get("NEON_ENDURANCE_SECONDS", "24"))
PERIOD = float(os.environ.get("NEON_ENDURANCE_PERIOD", "12" if SECONDS <= 60.0 else "60"))  # [s] between two restarts
START, RESTART = 90.0, 40.0  # [s] until all nodes work, and until the executor follows the restarted one
pytestmark = [
    *(pytest.mark.system, pytest.mark.alone, pytest.mark.slow),
    pytest.mark.timeout(SECONDS + SECONDS / PERIOD * RESTART + 2.0 * START),
]


def test_nothing_grows_with_time_or_restarts(ros_domain_id: int, tmp_path: Path) -> None:
    with Endurance(ros_domain_id, tmp_path / "log") as nodes:
        nodes.wait_working(START)
        begin = time.monotonic()
        nodes.sample()
        while time.monotonic() - begin < SECONDS:
            nodes.link.wait(lambda: False, PERIOD, nodes.group.check)
            print(f"{time.monotonic() - begin:.0f} s: {nodes.restart(RESTART)}", flush=True)
            nodes.sample()
        for node, samples in nodes.samples.items():
            print(f"{node}: first {samples[0]}\n{'':{len(node)}}   last {samples[-1]}")
        for node in (SIM, EXECUTOR):
            check(node, nodes.samples[node])
        check(INFERENCE, nodes.samples[INFERENCE])  # each one of a process that has just begun
        for restart in nodes.restarts:
            assert "rejected/joints/other_publisher" not in restart.counted, f"the old publisher was followed on: {restart}"
            assert restart.counted.get("publisher_changes/joints") == 1, f"the new node is not the source: {restart}"
            # A machine that is too busy makes chunks too late; any other reason not to follow is a fault.
            late = restart.counted.get("stops/chunks", 0) + restart.counted.get("rejected/joints/late", 0)
            assert restart.running is not None or (restart.cause in ("", "chunks") and late), f"the executor does not follow: {restart}"


def check(node: str, samples: list[Figures]) -> None:
    """The end against the first restart: what a dead peer leaves behind may be mapped once, not once for each."""
    first, last = samples[1], samples[-1]
    assert last.threads <= first.threads + 1, f"{node}: threads {[s.threads for s in samples]}"
    assert last.descriptors <= first.descriptors + 2, f"{node}: descriptors {[s.descriptors for s in samples]}"
    assert last.segments <= first.segments + 2, f"{node}: mapped segments {[s.segments for s in samples]}"
    assert last.private_mb <= first.private_mb * 1.05 + 2.0, f"{node}: private memory [MB] {[s.private_mb for s in samples]}"
    assert last.shared_mb <= first.shared_mb + 20.0, f"{node}: shared memory [MB] {[s.shared_mb for s in samples]}"
