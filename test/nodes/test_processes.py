"""Processes are watched loudly and ended completely."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from waiting import wait_until

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.paths import find_file
from neon_control.nodes.processes import (
    ProcessError,
    ProcessGroup,
    free_domain_id,
    node_command,
    prepare_environment,
)
from neon_control.nodes.transport import PROFILES

POLITE = """
import signal, sys, time
def stop(number, frame):
    print("stopping after", signal.Signals(number).name, flush=True); sys.exit(0)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
while True: time.sleep(0.05)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(0.05)
"""
NESTED = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", child.pid, flush=True)
while True: time.sleep(0.05)
"""


def start(group: ProcessGroup, name: str, code: str) -> None:
    group.start(name, [sys.executable, "-c", code])
    wait_until(lambda: "ready" in group.tail(name), 10.0, f"{name} to be ready")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_are_asked_to_end_with_sigint_first(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    start(group, "a", POLITE)
    start(group, "b", POLITE)
    begin = time.monotonic()
    assert group.stop() == {"a": 0, "b": 0}
    assert time.monotonic() - begin < 2.0
    assert "stopping after SIGINT" in group.tail("a")


def test_a_stubborn_process_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGKILL, 2.0))
    monkeypatch.setattr("neon_control.nodes.processes.STOP_STEPS", steps)
    group = ProcessGroup(tmp_path)
    start(group, "stubborn", STUBBORN)
    assert group.stop() == {"stubborn": -signal.SIGKILL}


def test_what_a_process_started_itself_is_ended_too(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    start(group, "nested", NESTED)
    grandchild = int(group.tail("nested").split()[1])
    assert alive(grandchild)
    group.stop()
    wait_until(lambda: not alive(grandchild), 2.0, "the grandchild to end")


def test_a_died_process_is_reported_with_its_name_its_end_and_its_last_words(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as group:
        start(group, "healthy", POLITE)
        group.check()
        group.start("sick", [sys.executable, "-c", "print('out of cheese'); raise SystemExit(7)"])
        with pytest.raises(ProcessError, match=r"sick ended with exit code 7.*sick\.log") as caught:
            wait_until(lambda: group.check(), 10.0, "the report")
        assert "out of cheese" in str(caught.value)


def test_a_killed_process_is_reported_with_its_signal(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as group:
        start(group, "victim", POLITE)
        os.kill(group.pid("victim"), signal.SIGKILL)
        with pytest.raises(ProcessError, match="victim was ended by SIGKILL"):
            wait_until(lambda: group.check(), 5.0, "the report")


def test_leaving_the_block_with_an_error_leaves_no_process(tmp_path: Path) -> None:
    pids = []
    with pytest.raises(ZeroDivisionError), ProcessGroup(tmp_path) as group:
        start(group, "a", POLITE)
        pids.append(group.pid("a"))
        _ = 1 / 0
    assert not alive(pids[0])


def test_a_process_can_be_started_again_under_its_name(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as group:
        start(group, "a", POLITE)
        with pytest.raises(ProcessError, match="running already"):
            group.start("a", ["true"])
        os.kill(group.pid("a"), signal.SIGKILL)
        wait_until(lambda: not alive(group.pid("a")), 5.0, "the end of the first")
        group.start("a", [sys.executable, "-c", POLITE])
        group.check()


def test_a_program_that_does_not_exist_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="cannot start ghost"):
        ProcessGroup(tmp_path).start("ghost", ["/nonexistent/program"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help exists on Linux only")
def test_processes_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from neon_control.nodes.processes import ProcessGroup\n"
        f"group = ProcessGroup(Path({str(tmp_path)!r})); group.start('child', [sys.executable, '-c', {POLITE!r}])\n"
        "print(group.pid('child'), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_until(lambda: (tmp_path / "child.log").read_text().startswith("ready"), 10.0, "the child to be ready")
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not alive(child), 5.0, "the child to end")


def test_a_domain_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neon_control.nodes.processes.DOMAINS", range(90, 92))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 7400 + 250 * 90))
        assert {free_domain_id() for _ in range(10)} == {91}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", 7410 + 250 * 91))  # where multicast is off
            with pytest.raises(ProcessError, match="set ROS_DOMAIN_ID"):
                free_domain_id()


def test_the_environment_gets_transport_and_domain_unless_the_user_chose() -> None:
    environment: dict[str, str] = {}
    domain = prepare_environment(environment)
    assert environment == {PROFILES: str(find_file("fastdds.xml", "config")), "ROS_DOMAIN_ID": str(domain)}
    chosen = {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4", "ROS_DOMAIN_ID": "42"}
    assert prepare_environment(chosen) == 42
    assert chosen == {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4", "ROS_DOMAIN_ID": "42"}


def test_a_domain_that_does_not_exist_is_refused_with_the_variable() -> None:
    for wrong in ("left", "233", "-1"):
        with pytest.raises(ConfigError, match=f"ROS_DOMAIN_ID needs a whole number from 0 to 232, got '{wrong}'"):
            prepare_environment({"ROS_DOMAIN_ID": wrong})


def test_a_ctrl_c_while_a_process_is_being_started_is_not_lost(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal, sys
from neon_control.nodes.processes import ProcessGroup
os.register_at_fork(after_in_parent=lambda: signal.raise_signal(signal.SIGINT))
try:
    with ProcessGroup(pathlib.Path({str(tmp_path)!r})) as group:
        group.start("a", [sys.executable, "-c", "import time; time.sleep(60)"])
        print("lost")
except KeyboardInterrupt:
    print("taken")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (result.stdout, result.stderr) == ("taken\n", "")


def test_a_nodes_command_line_keeps_the_types_of_parameters() -> None:
    command = node_command(
        "package.node", Path("a b.yaml"), {"mute": True, "width": 640, "rate": 15.0, "colour": "red", "name": "it's 7"}, "-r", "__ns:=/x"
    )
    assert command[:5] == [sys.executable, "-m", "package.node", "--ros-args", "--params-file"]
    assert command[5] == "a b.yaml"
    given = dict(text.split(":=", 1) for text in command if ":=" in text)
    assert given.pop("__ns") == "/x"
    assert {name: yaml.safe_load(text) for name, text in given.items()} == {
        "mute": True, "width": 640, "rate": 15.0, "colour": "red", "name": "it's 7"
    }  # fmt: skip
