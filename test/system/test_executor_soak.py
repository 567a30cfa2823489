"""Random faults against real processes, from a seed, beside a busy process; the wire must stay inside every limit all the time.

6 s of three kinds of robots in the suite; for longer, and of all: `NEON_SOAK_SECONDS=100 pytest -s test/system/test_executor_soak.py`.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from executor_rig import position_controllers, rig
from faults import KINDS, busy, inflict, judge

KINDS_OF_ROBOTS = [
    ("arms_only", 200.0, "position", False),
    ("whole_body", 200.0, "trajectory", False),
    ("upper_body", 100.0, "trajectory", True),
    ("arms_only", 100.0, "trajectory", False),
    ("whole_body", 100.0, "position", False),
]
SECONDS = float(os.environ.get("NEON_SOAK_SECONDS", "6"))
SEED = int(os.environ.get("NEON_SOAK_SEED", "20"))
pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(3.0 * SECONDS + 120.0)]


@pytest.mark.parametrize(("mode", "rate", "kind", "sim_time"), KINDS_OF_ROBOTS[: 5 if "NEON_SOAK_SECONDS" in os.environ else 3])
def test_random_faults(ros_domain_id: int, tmp_path: Path, mode: str, rate: float, kind: str, sim_time: bool) -> None:
    dice = random.Random(SEED)
    robot = "g1.yaml" if kind == "trajectory" else position_controllers(tmp_path)
    with rig(ros_domain_id, robot=robot, mode=mode, rate=rate, sim_time=sim_time) as running, busy():
        running.start_player()
        running.wait_moving()
        end = time.monotonic() + SECONDS
        done: list[str] = []
        while time.monotonic() < end:
            done.append(dice.choice(KINDS))
            inflict(running, done[-1], dice)
            running.run_for(dice.uniform(0.0, 1.5))  # often too short to recover: faults pile up
        running.wait_moving()
        stops = {k: v for k, v in running.report().items() if k.startswith("stops/")}
        print(f"{mode}, {rate:g} Hz, {kind}{', simulated time' * sim_time}, seed {SEED}: {len(done)} faults; {judge(running)}; {stops}")
        assert stops
