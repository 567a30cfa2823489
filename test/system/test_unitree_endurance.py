"""A driver that runs on and on neither grows nor sends in bursts, while arms and base move and the arms change hands.

By hand for longer: `NEON_ENDURANCE_SECONDS=7200 pytest -s test/system/test_unitree_endurance.py`. The log of two hours takes 1.4 GB.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from process_figures import Figures
from unitree_rig import DRIVER, ROBOT, START, UnitreeRig
from unitree_rules import check_messages, given_back

SECONDS = float(os.environ.get("NEON_ENDURANCE_SECONDS", "24"))
HANDS = max(12.0, SECONDS / 20.0)  # [s] between two times that the arms are given back and taken again
RATE = 250.0  # [Hz]
pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(2.0 * SECONDS + 4.0 * START)]


def test_nothing_grows_and_no_burst_comes(ros_domain_id: int, tmp_path: Path) -> None:
    with UnitreeRig(ros_domain_id, tmp_path) as rig:
        rig.start_robot()
        rig.start_driver()
        rig.wait(lambda: rig.weight() == 1.0, "the arms", START)
        middle = dict(rig.joints)
        samples: dict[str, list[Figures]] = {DRIVER: [], ROBOT: []}
        begin = time.monotonic()

        def moves(until: float) -> bool:
            now = time.monotonic() - begin
            swing = 0.2 * np.sin(now)
            rig.to({name: middle[name] + swing for name in middle if "shoulder_pitch" in name or "elbow" in name}, 0.1)
            rig.drive((0.1 * float(np.sin(0.5 * now)), 0.0, 0.1))
            return now > until

        while (now := time.monotonic() - begin) < SECONDS:
            rig.wait(lambda until=now + HANDS / 2.0: moves(until), "a part of the time", HANDS + START)
            for name, of_one in samples.items():
                of_one.append(Figures.of(rig.group.pid(name)))
            assert rig.activate(False)
            rig.wait(lambda: rig.weight() == 0.0, "the arms given back", START)
            assert rig.activate(True)
            rig.wait(lambda: rig.weight() == 1.0, "the arms", START)
        ended = rig.send_signal(DRIVER, signal.SIGINT)
        rig.wait(lambda: given_back(rig.log(), ended) < START, "the arms back", START)
        log = rig.log()
        for name, of_one in samples.items():
            print(f"{name}: first {of_one[0]}\n{'':{len(name)}}   last {of_one[-1]}")
            grown(name, of_one[len(of_one) // 2 - 1 :] if len(of_one) > 3 else of_one)
        check_messages(log, RATE)
        eleven = (log.rows["sent"][10:] - log.rows["sent"][:-10]) / 1e9 * RATE
        print(f"{len(log.rows)} messages; eleven of them took at least {eleven.min():.2f} periods")
        assert eleven.min() > 8.5, "a burst: what was late was sent all at once"


def grown(name: str, samples: list[Figures]) -> None:
    """The last against the first: what is made once is made by then."""
    first, last = samples[0], samples[-1]
    assert last.threads <= first.threads + 1, f"{name}: threads {[s.threads for s in samples]}"
    assert last.descriptors <= first.descriptors + 2, f"{name}: descriptors {[s.descriptors for s in samples]}"
    assert last.private_mb <= first.private_mb * 1.05 + 3.0, f"{name}: private memory [MB] {[s.private_mb for s in samples]}"
