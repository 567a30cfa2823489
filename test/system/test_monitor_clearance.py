"""A stop of the clearance guard on the monitor's page, in a real browser: both bodies can be read there, also when it is over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from browser import Browser
from clearance_rig import ACROSS, pose, write_robot_file
from executor_rig import PATIENT, rig
from waiting import wait_until

from neon_control.nodes.processes import ProcessGroup

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(240)]
LIMIT = 60.0  # [s] on a busy computer
HAND, TABLE = "left_rubber_hand", "table"


def test_the_page_names_both_bodies_of_a_stop_and_keeps_them_among_the_faults(ros_domain_id: int, tmp_path: Path) -> None:
    page = Browser((1500, 943))
    robot = write_robot_file(tmp_path)
    with rig(ros_domain_id, robot=robot, **PATIENT) as running, ProcessGroup(tmp_path, {**os.environ}) as processes:
        processes.start("monitor", [sys.executable, "-m", "neon_control.tools.cli", "monitor", "--port", "8351", "--robot", str(robot)])
        wait_until(lambda: "the page is at" in processes.tail("monitor"), LIMIT, "the page")
        try:
            page.open(next(word.rstrip(";") for word in processes.tail("monitor").split() if word.startswith("http")))
            running.start_player("--dt", "0.1")
            running.ask_for(pose())
            page.until_text("RUNNING")
            running.ask_for(ACROSS[HAND, TABLE])
            page.until_text("HOLDING", f"clearance: {HAND}", f"m from {TABLE}")
            page.screenshot(tmp_path / "stopped.png")
            running.ask_for(pose())
            page.until_text("RUNNING")
            page.click("faults")
            page.until_text("stops: how often", f"{HAND} ", f"m from {TABLE}")
            page.screenshot(tmp_path / "over.png")
            assert page.errors() == []
        finally:
            page.close()
