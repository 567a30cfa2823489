"""The demo as a user starts it: one command, three processes, real DDS, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.nodes.transport import PROFILES

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(400)]
START = 200.0  # [s] on a busy computer


class Demo:
    """One run of the command; every process of it has `folder` in its command line."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        params_file = shutil.copy(find_file("robot.yaml", "config"), folder)
        environment = {k: v for k, v in os.environ.items() if k not in ("ROS_DOMAIN_ID", "MUJOCO_GL", PROFILES)}
        own = ["--params-file", params_file, "--log-folder", str(folder / "log")]
        command = [sys.executable, "-m", "neon_control.tools.cli", "demo", *own]
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            self.process = subprocess.Popen([*command, *arguments], stdout=out, stderr=err, env=environment)

    @property
    def errors(self) -> str:
        return (self.folder / "err").read_text()

    def processes(self, name: str = "") -> list[int]:
        """Ids of the processes of this run whose command line contains `name`."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in line and name in line and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return found

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for `condition` while the demo runs."""
        wait_until(lambda: condition() or self.process.poll() is not None, START, what)
        assert self.process.poll() is None, self.errors

    def wait(self, limit: float) -> int:
        return self.process.wait(limit)

    def close(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        print(self.errors)
        for log in sorted((self.folder / "log").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-2000:]}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    runs: list[Demo] = []

    def begin(*arguments: str) -> Demo:
        runs.append(Demo(tmp_path, *arguments))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_one_command_runs_an_episode_and_writes_its_figures(start, tmp_path: Path) -> None:
    demo = start("--headless", "--episodes", "1", "--seed", "7", "--json", str(tmp_path / "out.json"))
    assert demo.wait(START + 60.0) == 0, demo.errors
    figures = json.loads((tmp_path / "out.json").read_text())
    print(figures)
    assert set(figures) == {
        "episodes", "successes", "success_rate", "mean_time_to_reach_s", "inference_ms", "observation_to_command_ms",
        "control_rate_hz", "mean_absolute_jerk", "seam_mrad", "prefixed", "stops_for_chunks", "images_sent", "images_received",
    }  # fmt: skip
    assert figures["episodes"] == 1
    assert figures["successes"] in (0, 1)
    assert figures["images_sent"] > 10
    assert figures["images_received"] >= 0.99 * figures["images_sent"] - 1  # the two counters are not read in the same instant
    assert figures["control_rate_hz"] > 20
    assert figures["mean_absolute_jerk"] > 0
    assert 0 < figures["inference_ms"]["p50"] <= figures["inference_ms"]["p99"]
    assert 0 < figures["observation_to_command_ms"]["p50"] <= figures["observation_to_command_ms"]["p99"]
    assert json.loads((tmp_path / "out").read_text()) == figures
    assert demo.processes() == []


def test_a_killed_node_ends_the_demo_and_is_named(start) -> None:
    demo = start("--headless", "--episodes", "5")
    log = demo.folder / "log" / "inference_node.log"
    demo.until(lambda: log.is_file() and "loaded" in log.read_text(), "the policy")
    for pid in demo.processes("inference_node"):
        os.kill(pid, signal.SIGKILL)
    assert demo.wait(20.0) == 1
    assert "inference_node was ended by SIGKILL" in demo.errors
    assert "loaded" in demo.errors  # the end of its log
    assert "Traceback" not in demo.errors
    assert demo.processes() == []


def test_the_page_is_served_to_this_machine_only_and_ctrl_c_ends_everything(start) -> None:
    port = free_port()
    demo = start("--no-open", "--port", str(port))
    demo.until(lambda: f"http://127.0.0.1:{port}" in demo.errors, "the address of the page")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=20.0) as page:
        assert page.status == 200
        assert b"<html" in page.read().lower()
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
    assert len(demo.processes()) == 4
    begin = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.wait(20.0) == 0
    took = time.monotonic() - begin
    print(f"ended {took:.1f} s after Ctrl-C")
    assert took < 10.0
    assert demo.processes() == []
    assert "Traceback" not in demo.errors
