"""The executor is frozen at random instants, at the worst one, and beside a busy process; the wire must keep every limit.

For longer: `NEON_STALLS=30 pytest -s test/system/test_stalls.py`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from executor_rig import Rig, position_controllers, rig
from faults import busy, judge, stall
from waiting import wait_until

STALLS = int(os.environ.get("NEON_STALLS", "6"))
pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(120.0 + 5.0 * STALLS)]


@pytest.mark.parametrize("kind", ["trajectory", "position"])
@pytest.mark.parametrize("rate", [100.0, 200.0])
def test_stalls_at_random_instants(ros_domain_id: int, tmp_path: Path, kind: str, rate: float) -> None:
    dice = random.Random(int(rate))
    with rig(ros_domain_id, robot="g1.yaml" if kind == "trajectory" else position_controllers(tmp_path), rate=rate) as running, busy():
        running.start_player()
        for _ in range(STALLS):
            running.wait_moving()
            stall(running, dice, 0.005, 2.0)
            running.run_for(dice.uniform(0.0, 0.5))
        running.wait_moving()
        print(f"{rate:g} Hz, {kind}: {judge(running)}")


def freeze(running: Rig, seconds: float) -> None:
    """Just before a command is handed to the middleware."""
    status = Path(f"/proc/{running.executor.pid}/stat")
    running.executor.send_signal(signal.SIGUSR1)
    wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", 5.0, "the freeze", interval=0.0005)
    running.run_for(seconds)
    running.executor.send_signal(signal.SIGCONT)
    running.run_for(0.5)
    running.wait_moving()


@pytest.mark.parametrize("rate", [200.0])
@pytest.mark.parametrize("kind", ["trajectory", "position"])
def test_a_command_that_is_held_up_at_the_worst_instant(ros_domain_id: int, tmp_path: Path, kind: str, rate: float) -> None:
    """Of trajectories nobody knows then what the controller was told; it is entered anew, and was moved by one period's way at most."""
    program = (str(Path(__file__).with_name("frozen_at_write.py")), "joint_trajectory" if kind == "trajectory" else "commands")
    robot = "g1.yaml" if kind == "trajectory" else position_controllers(tmp_path)
    with rig(ros_domain_id, robot=robot, rate=rate, program=program) as running:
        running.start_player()
        running.wait_moving()
        for seconds in (0.003, 0.04, 0.06, 0.5, 1.0):
            begin = time.monotonic()
            freeze(running, seconds)
            print(f"{rate:g} Hz, {kind}, {1e3 * seconds:.0f} ms: {judge(running, begin - 0.3)}")
        assert kind == "position" or int(running.report()["held_up"]) > 0
