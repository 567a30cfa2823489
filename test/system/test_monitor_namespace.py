"""The page of an arm in a namespace, beside a second one in the same domain: what it shows and stops is its own robot."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.monitor.link import EXECUTOR, Link
from neon_control.nodes.processes import ProcessGroup, node_command

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(240)]
LIMIT = 60.0  # [s] on a busy computer
ARM = {"robot_config": "arm6.yaml"}
PATIENT = {"chunk_timeout": 1.5, "joint_state_timeout": 2.0, "tracking_error_limit": 2.0, "chunk_deadline": 4.0, "chunk_lease": 2.0}
PLAYER = [sys.executable, str(Path(__file__).with_name("chunk_player.py")), "--robot", "arm6.yaml", "--dt", "0.1"]
MONITOR = [sys.executable, "-m", "neon_control.tools.cli", "monitor", "--robot", "arm6.yaml", "--namespace", "/left", "--port", "8341"]


@pytest.fixture
def browser() -> Iterator[Browser]:
    page = Browser((800, 640))
    yield page
    page.close()


@pytest.fixture
def group(browser: Browser, ros_domain_id: int, tmp_path: Path) -> Iterator[tuple[ProcessGroup, int]]:
    """`/left`, which moves, `/right`, which waits, and the page of the former; and their domain."""
    running = ProcessGroup(tmp_path, {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"})
    left, right = ("-r", "__ns:=/left"), ("-r", "__ns:=/right")
    params = find_file("robot.yaml", "config")
    running.start("sim_node", node_command("neon_control.sim.sim_node", params, ARM, *left))
    running.start("left", node_command("neon_control.nodes.executor_node", params, {**ARM, **PATIENT}, *left))
    running.start("right", node_command("neon_control.nodes.executor_node", params, {**ARM, **PATIENT}, *right))
    running.start("player", [*PLAYER, "--ros-args", *left])
    running.start("monitor", MONITOR)
    yield running, ros_domain_id
    running.stop()


def test_the_page_shows_and_stops_the_robot_of_its_own_namespace(group: tuple[ProcessGroup, int], browser: Browser) -> None:
    processes, domain = group
    wait_until(lambda: "the page is at" in processes.tail("monitor"), LIMIT, "the page")
    with Link("judge", domain=domain) as judge:
        judge.start()
        browser.open("http://127.0.0.1:8341")
        wait_until(lambda: judge.value(f"left/{EXECUTOR}", "state") == "running", LIMIT, "/left to run")
        wait_until(lambda: judge.value(f"right/{EXECUTOR}", "state") == "waiting", LIMIT, "/right to wait")
        browser.until_text("RUNNING", "neon_control: arm6", "camera")
        wait_until(lambda: browser.text.count("no data") == 1, LIMIT, "every topic; only the inference node is missing", interval=0.2)
        browser.click("E-STOP")
        browser.until_text("E-STOPPED")
        wait_until(lambda: judge.value(f"left/{EXECUTOR}", "state") == "estopped", LIMIT, "/left to stop")
        assert judge.value(f"right/{EXECUTOR}", "state") == "waiting"
        assert "right/" not in browser.text
    assert browser.errors() == []
