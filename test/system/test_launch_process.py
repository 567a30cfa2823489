"""`ros2 launch` as people call it: what is wrong is said before any node runs, and no end of a launch leaves a node behind.

It comes with a ROS 2 distribution. Elsewhere ros2/launch, ros2/launch_ros and ros2/ros2cli are enough, on the PYTHONPATH.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT, END_LIMIT = 30.0, 15.0  # [s] of everything, on a busy machine
PROGRAMS = {
    "inference_node": "neon_control.nodes.inference_node",
    "executor_node": "neon_control.nodes.executor_node",
    "monitor_node": "neon_control.nodes.monitor_node",
    "sim_node": "neon_control.sim.sim_node",
    "neon_control": "neon_control.tools.cli",
}
MOVING = {"inference_node", "executor_node", "sim_node"}  # the monitor is asked for the URDF before

pytestmark = [pytest.mark.system, pytest.mark.skipif(shutil.which("ros2") is None, reason="ros2 launch is not on PyPI")]


class Launch:
    """A launch in a session of its own, as in a terminal; it tells which nodes have run, and which still do."""

    def __init__(self, folder: Path, *words: str) -> None:
        prefix, self._pids = folder / "prefix", folder / "pids"
        for made in (self._pids, prefix / "lib" / "neon_control", prefix / "share" / "ament_index" / "resource_index" / "packages"):
            made.mkdir(parents=True)
        (prefix / "share" / "ament_index" / "resource_index" / "packages" / "neon_control").touch()
        (prefix / "share" / "neon_control").symlink_to(ROOT)
        for name, module in PROGRAMS.items():
            note = f"touch {self._pids}/$$" if name in MOVING else ""
            program = prefix / "lib" / "neon_control" / name
            program.write_text(f'#!/bin/sh\n{note}\nexec {sys.executable} -m {module} "$@"\n')
            program.chmod(0o755)
        self._log = folder / "log"
        environment = {**os.environ, "AMENT_PREFIX_PATH": str(prefix), "ROS_LOG_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        command = ["ros2", "launch", str(ROOT / "launch" / words[0]), *words[1:]]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def started(self) -> list[int]:
        """Process ids of the nodes that move the robot, also of those that have ended."""
        return [int(file.name) for file in self._pids.iterdir()]

    def living(self) -> list[int]:
        """Those that run."""
        stats = {pid: Path(f"/proc/{pid}/stat") for pid in self.started()}
        return [pid for pid, stat in stats.items() if stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"]

    def wait(self) -> int:
        """The exit code; all nodes have ended."""
        code = self.process.wait(START_LIMIT)
        wait_until(lambda: not self.living(), END_LIMIT, f"the end of all nodes of\n{self.output}\n")
        return code

    def close(self) -> None:
        for pid in (self.process.pid, *self.living()):
            if pid != self.process.pid or self.process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Launch]


@pytest.fixture
def launch(ros_domain_id: int, tmp_path: Path) -> Iterator[Start]:
    launches: list[Launch] = []

    def start(*words: str) -> Launch:
        launches.append(Launch(tmp_path / str(len(launches)), *words))
        return launches[-1]

    yield start
    for each in launches:
        each.close()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["robot.launch.py", "robot:=arm6.yaml"], r"robot\.launch\.py has no argument robot; did you mean robot_config\?"),
        (["sim.launch.py", "polcy:=g1_reach"], r"sim\.launch\.py has no argument polcy; did you mean policy\?"),
        (["robot.launch.py", "monitor:=true"], "package 'robot_state_publisher' not found"),
        (["robot.launch.py", "params_file:=no/such.yaml"], r"params_file: no such file: no/such\.yaml"),
        (["replay.launch.py", "bag:=no/such/bag"], "bag: no such recording: no/such/bag"),
        (["replay.launch.py"], "missing required argument 'bag'"),
        (["robot.launch.py", "record:=true"], "package 'ros2bag' not found"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_with_a_launch_is_said_before_any_node_runs(launch: Start, words: list[str], sentence: str) -> None:
    """The wound: it was said after the nodes had been started, and they ran on without an owner."""
    failed = launch(*words)
    assert failed.wait() == 1
    assert re.search(sentence, failed.output) and "Traceback" not in failed.output
    assert failed.started() == []


def test_a_node_that_cannot_start_ends_the_launch_with_one_sentence(launch: Start, tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("/**/executor_node:\n  ros__parameters: {tracking_eror_limit: 0.2}\n")
    failed = launch("robot.launch.py", f"params_file:={file}")
    assert failed.wait() == 1
    assert "there is no parameter tracking_eror_limit; did you mean tracking_error_limit?" in failed.output
    assert failed.output.count("ended with exit code 1; its own words stand above") == 1, failed.output
    assert len(failed.started()) == 2


@pytest.mark.parametrize("moment", ["Default logging verbosity", "process started with pid", "unitree_g1, arms_only"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_every_end_of_a_launch_is_the_end_of_its_nodes(launch: Start, moment: str, number: signal.Signals) -> None:
    """The wounds: Ctrl-C in the first second left launch waiting for ever, or nodes without an owner; SIGTERM always did."""
    running = launch("robot.launch.py")
    wait_until(lambda: moment in running.output, START_LIMIT, f"'{moment}' in the output", interval=0.005)
    if number is signal.SIGINT:
        os.killpg(running.process.pid, number)  # as a terminal does
    else:
        running.process.send_signal(number)
    running.wait()
