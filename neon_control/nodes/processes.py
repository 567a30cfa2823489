"""A set of processes that live and die together: the nodes of one robot, on a machine without `ros2 launch`.

honcho's manager was considered and not used: it owns the main thread and the signal handlers until every process has ended, stops
with SIGTERM only, and runs commands through a shell. A tool that is a ROS node itself has to spin meanwhile, and a node wants
SIGINT first.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import TracebackType

from neon_control.core.common.errors import ConfigError, NeonControlError
from neon_control.nodes.parent_death import parent_death
from neon_control.nodes.transport import choose_transport

# How a process is asked to end, and how long each question waits for its answer [s].
STOP_STEPS = ((signal.SIGINT, 3.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
MAX_DOMAIN = 232  # beyond it, DDS has no ports
DOMAINS = range(1, 101)  # above 101 the DDS ports run into Linux's ephemeral range


class ProcessError(NeonControlError):
    """A process ended that should have gone on, or did not start; the message holds the end of its log."""


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> int:
    """Choose transport and DDS domain, unless the user did; before rclpy is initialised. Returns and raises as `domain_id`."""
    choose_transport(environment)
    if "ROS_DOMAIN_ID" not in environment:
        environment["ROS_DOMAIN_ID"] = str(free_domain_id())
    return domain_id(environment)


def domain_id(environment: Mapping[str, str] = os.environ) -> int:
    """The DDS domain that nodes will join; ConfigError for one that there is not, as the middleware would end the process in silence."""
    text = environment.get("ROS_DOMAIN_ID", "") or "0"
    if not text.isdecimal() or int(text) > MAX_DOMAIN:
        raise ConfigError(f"the environment variable ROS_DOMAIN_ID needs a whole number from 0 to {MAX_DOMAIN}, got {text!r}")
    return int(text)


def free_domain_id() -> int:
    """A DDS domain that nobody on this machine uses; ProcessError if none is left.

    Both of its first ports can be bound: that of multicast, and the first participant's, all there is where multicast is off.
    """
    for domain in random.SystemRandom().sample(DOMAINS, len(DOMAINS)):  # two tools that start together should not choose the same
        first = 7400 + 250 * domain
        if _is_free(first) and _is_free(first + 10):
            return domain
    raise ProcessError(f"all DDS domains from {DOMAINS.start} to {DOMAINS.stop - 1} are in use; set ROS_DOMAIN_ID")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind(("", port))
        return True
    return False


def node_command(module: str, params_file: Path | None = None, parameters: Mapping[str, object] | None = None, *options: str) -> list[str]:
    """The command line of the node in `module`.

    Args:
        parameters: values that overrule `params_file`.
        options: more ROS arguments, for example ``"-r", "__ns:=/robot"``.
    """
    command = [sys.executable, "-m", module, "--ros-args"]
    if params_file is not None:
        command += ["--params-file", str(params_file)]
    for name, value in (parameters or {}).items():
        command += ["-p", f"{name}:={json.dumps(value, default=os.fspath)}"]  # YAML that keeps the type: "7" stays a string
    return [*command, *options]


class ProcessGroup:
    """Starts processes, watches them, and leaves none behind. A context manager.

        with ProcessGroup(run_folder) as group:
            group.start("sim_node", node_command("neon_control.sim.sim_node"))
            while working:
                group.check()

    Each process has its own session, so that a Ctrl-C reaches this program only and the processes are ended in order; and
    each is killed by the kernel if this program dies without a chance to do that (Linux). Start and leave it in the main thread.

    `log_folder` gets one file for each process; their environment is this process's, unless given.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log_folder = log_folder
        self._environment = dict(os.environ if environment is None else environment)
        self._environment.setdefault("PYTHONUNBUFFERED", "1")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        log_folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start one process; a name that was used before continues its log. ProcessError if it still runs, or the program cannot be run."""
        if name in self._processes and self._processes[name].poll() is None:
            raise ProcessError(f"{name} is running already")
        with self.log_file(name).open("ab") as log, _ctrl_c_waits():
            try:
                self._processes[name] = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,
                    preexec_fn=_child_prepared(),
                )
            except OSError as error:
                raise ProcessError(f"cannot start {name} ({command[0]}): {error}") from error

    def log_file(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._log_folder / f"{name}.log"

    def pid(self, name: str) -> int:
        """Process id."""
        return self._processes[name].pid

    def check(self) -> None:
        """ProcessError if a process has ended; it says how, and what the process wrote last."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                raise ProcessError(f"{name} {how}; the end of {self.log_file(name)}:\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 20) -> str:
        """The last lines of a process's log."""
        text = self.log_file(name).read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in text[-lines:]) or "  (it wrote nothing)"

    def stop(self) -> dict[str, int]:
        """End all processes, politely first; the exit code of each, negative for a signal."""
        for number, patience in STOP_STEPS:
            running = [p for p in self._processes.values() if p.poll() is None]
            for process in running:
                _signal_session(process, number)
            deadline = time.monotonic() + patience
            for process in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        for process in self._processes.values():
            _signal_session(process, signal.SIGKILL)  # what a process started itself and left behind
        return {name: process.wait() for name, process in self._processes.items()}

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second, impatient Ctrl-C must not leave half of them running
        try:
            self.stop()
        finally:
            signal.signal(signal.SIGINT, previous)


def _signal_session(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Python drops a Ctrl-C that arrives while it forks."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _child_prepared() -> Callable[[], None]:
    """Runs in the child before its program.

    It lets Ctrl-C in again, which a shell ignores for its jobs in the background, and asks Linux to send SIGKILL when the parent is gone.
    """
    die, parent = parent_death(signal.SIGKILL), os.getpid()

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        die()
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return prepare
