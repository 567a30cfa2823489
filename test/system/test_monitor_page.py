"""The monitor's page in a real browser, beside real nodes: what it shows, what it stops, and that it outlives every node.

A browser that draws in software takes a core from the nodes. So the chunks come from `chunk_player.py`, in long steps: with the
policy itself it would be the computer's speed that is tested.

`NEON_CONTROL_SCREENSHOTS=folder` takes larger pictures, into that folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from dds_domain import claimed_domain
from PIL import Image
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.monitor.link import EXECUTOR, Link
from neon_control.nodes.processes import ProcessGroup, node_command

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(240)]
SCREENSHOTS = os.environ.get("NEON_CONTROL_SCREENSHOTS")
SIZE = (1500, 943) if SCREENSHOTS else (800, 640)  # a small picture is drawn sooner
LIMIT = 60.0  # [s] on a busy computer
ROBOT = "canvas[data-engine]"
PATIENT = {"chunk_timeout": 1.5, "joint_state_timeout": 2.0, "tracking_error_limit": 2.0, "chunk_deadline": 4.0, "chunk_lease": 2.0}
PLAYER = [sys.executable, str(Path(__file__).with_name("chunk_player.py")), "--robot", "g1.yaml", "--dt", "0.1"]


class System:
    """Simulation, both nodes and the monitor; and what /diagnostics says, apart from the page."""

    def __init__(self, folder: Path, domain: int) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"} | {"ROS_DOMAIN_ID": str(domain)}
        self.folder = Path(SCREENSHOTS) if SCREENSHOTS else folder
        self.group = ProcessGroup(folder, environment)
        self._params = find_file("robot.yaml", "config")
        self.group.start("sim_node", node_command("neon_control.sim.sim_node", self._params))
        self.start_executor()
        self.group.start("player", PLAYER)
        self.group.start("monitor", [sys.executable, "-m", "neon_control.tools.cli", "monitor", "--port", "8321"])
        self.link = Link("judge", domain=domain)
        self.link.start()

    def start_executor(self) -> None:
        self.group.start(EXECUTOR, node_command("neon_control.nodes.executor_node", self._params, PATIENT))

    def url(self) -> str:
        def find() -> str:
            self.group.check()
            return next((word.rstrip(";") for word in self.group.tail("monitor").split() if word.startswith("http://127.0.0.1")), "")

        wait_until(lambda: "the page is at" in self.group.tail("monitor") or find() == "never", LIMIT, "the address of the page")
        return find()

    def until_state(self, *states: str) -> None:
        try:
            wait_until(lambda: self.link.value(EXECUTOR, "state") in states, LIMIT, f"the executor to be {states}")
        finally:
            print({name: status.message for name, status in self.link.statuses.items()})

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A process that lives and does nothing."""
        os.kill(self.group.pid(name), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.group.pid(name), signal.SIGCONT)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.group.pid('monitor')}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    page = Browser(SIZE)
    yield page
    page.close()


@pytest.fixture(scope="module")
def system(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with claimed_domain() as domain:
        running = System(tmp_path_factory.mktemp("monitor"), domain)
        try:
            browser.open(running.url())
            yield running
        finally:
            running.link.close()
            running.group.stop()
        print(running.group.tail("monitor", 5))


@pytest.fixture
def following(system: System, browser: Browser) -> System:
    """The robot follows its policy, and the page shows it."""
    system.until_state("running")
    browser.until_text("RUNNING")
    return system


def test_the_page_shows_a_running_robot_without_an_error(following: System, browser: Browser) -> None:
    wait_until(lambda: browser.text.count("no data") == 1, LIMIT, "every topic, and one node that is missing", interval=0.2)
    before, begin = following.cpu_seconds(), time.monotonic()
    picture = following.folder / "monitor_running.png"
    wait_until(lambda: _shows_robot(browser, picture), LIMIT, "a drawn robot")
    print(f"the page's process: {(following.cpu_seconds() - before) / (time.monotonic() - begin):.3f} of a core")
    assert browser.errors() == []


def _shows_robot(browser: Browser, file: Path) -> bool:
    """Bright shapes on the dark ground between the two panels."""
    browser.screenshot(file)
    pixels = np.asarray(Image.open(file).convert("L"))
    middle = pixels[60:, 375:-385]
    return bool(0.02 < np.mean(middle > 140) < 0.5)


def test_the_e_stop_button_stops_the_robot_until_release_and_reset(following: System, browser: Browser) -> None:
    browser.click("E-STOP")
    following.until_state("estopped")
    browser.until_text("E-STOPPED")
    browser.screenshot(following.folder / "monitor_estopped.png")
    browser.click("reset")
    browser.until_text("refused reset")
    assert following.link.value(EXECUTOR, "state") == "estopped"
    browser.click("release")
    browser.until_text("released")
    browser.click("reset")
    following.until_state("ramping", "running")


def test_a_source_of_chunks_that_hangs_turns_grey_and_the_robot_holds(following: System, browser: Browser) -> None:
    with following.frozen("player"):
        following.until_state("holding")
        browser.until_text("HOLDING", "chunks: no data for")
        browser.screenshot(following.folder / "monitor_starved.png")


def test_without_joint_states_the_picture_is_said_to_be_old(following: System, browser: Browser) -> None:
    assert browser.style(ROBOT, "", "filter") == "none"
    with following.frozen("sim_node"):
        browser.until_text("the picture is old: joint states, no data for", "camera: no data for")
        assert "grayscale" in browser.style(ROBOT, "", "filter")


def test_the_page_outlives_a_killed_node_and_says_that_it_started_anew(following: System, browser: Browser) -> None:
    os.kill(following.group.pid(EXECUTOR), signal.SIGKILL)
    browser.until_text("NO DATA FOR", "executor_node was running when it was last heard")
    following.start_executor()
    browser.until_text("RUNNING")
    browser.click("faults")
    browser.until_text("started anew", "fell silent")
    browser.screenshot(following.folder / "monitor_restarted.png")
    assert browser.errors() == []


# Last: a process that stood still for seconds is sometimes dropped by Fast DDS's shared memory, and hears nothing from then on.
def test_a_page_whose_server_hangs_says_so_by_itself(following: System, browser: Browser) -> None:
    def lost() -> bool:
        return browser.style(".nc-state", "::after", "visibility") == "visible"

    assert "CONNECTION LOST" in browser.style(".nc-state", "::after", "content")
    wait_until(lambda: not lost(), LIMIT, "a page that is connected", interval=0.2)
    with following.frozen("monitor"):
        wait_until(lost, LIMIT, "a page that says that it is not", interval=0.2)
    wait_until(lambda: not lost(), LIMIT, "a page that is connected again", interval=0.2)
