"""The simulated robot, the inference node and the executor as processes that run on, while the inference node is killed and restarted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from process_figures import Figures
from waiting import wait_until

from neon_control.core.common.paths import find_file
from neon_control.monitor.link import EXECUTOR, INFERENCE, Link
from neon_control.nodes.processes import ProcessError, ProcessGroup, node_command
from neon_control.nodes.transport import PROFILES

SIM = "sim_node"
SETTLED = 3.0  # [s] a status older than this belongs to a process that is gone
CAUSES = ("rejected/joints/", "stops/", "publisher_changes/joints", "accepted/joints", "out_of_order/joints")


@dataclass(frozen=True)
class Restart:
    """One kill of the inference node and what followed; times in seconds from the new start, None: not within the limit."""

    accepted: float | None  # until the executor took a chunk of the new node
    running: float | None  # until it followed the policy at full speed
    counted: Mapping[str, int]  # what the executor counted meanwhile
    state: str  # its state at the end
    cause: str  # and why it does not follow, if so
    said: str  # by the inference node, at the end
    to_chunk: str  # [ms] p50 and p99 of the age of its observations when their chunks were sent

    def __str__(self) -> str:
        times = {"accepted": self.accepted, "running": self.running}
        when = ", ".join(f"{what} {'never' if time is None else f'{time:.1f} s'}" for what, time in times.items())
        return f"{when}; {self.state} ({self.cause}); {dict(self.counted)}; inference: {self.said}, {self.to_chunk} ms"


@dataclass
class Endurance:
    """A context manager: starts all three, and ends them.

    Attributes:
        samples: node -> its figures, one for each `sample`.
        restarts: what followed each `restart`.
    """

    domain: int
    folder: Path
    samples: dict[str, list[Figures]] = field(default_factory=lambda: {SIM: [], EXECUTOR: [], INFERENCE: []})
    restarts: list[Restart] = field(default_factory=list)

    def __enter__(self) -> Endurance:
        environment = {
            k: v for k, v in os.environ.items() if k not in (PROFILES, "MUJOCO_GL")
        }  # the nodes have to choose them by themselves
        self.group = ProcessGroup(self.folder, {**environment, "ROS_DOMAIN_ID": str(self.domain)}).__enter__()
        self.link = Link("endurance", domain=self.domain)
        self.link.start()
        self.group.start(SIM, node_command("neon_control.sim.sim_node", _PARAMETERS, {"width": 160, "height": 120}))
        self.group.start(EXECUTOR, node_command("neon_control.nodes.executor_node", _PARAMETERS))
        self._start_inference()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.link.close()
        self.group.__exit__(kind, error, trace)

    def _start_inference(self) -> None:
        self.group.start(INFERENCE, node_command("neon_control.nodes.inference_node", _PARAMETERS))

    def _inference_ended(self) -> bool:
        try:
            self.group.check()
        except ProcessError:
            return True
        return False

    @property
    def state(self) -> str:
        """The executor's, as of a status that is not old; else empty."""
        status = self.link.statuses.get(EXECUTOR)
        return status.values["state"] if status is not None and time.monotonic() - status.received < SETTLED else ""

    def wait_working(self, limit: float) -> None:
        """Until chunks are sent and the robot is held, or moves; `AssertionError` after `limit` [s]."""
        ready = self.link.wait(
            lambda: self.link.number(INFERENCE, "chunks_published") and self.state not in ("", "waiting"), limit, self.group.check
        )
        assert ready, f"no chunks, or the executor waits, after {limit:.0f} s: {self.link.statuses}"

    def sample(self) -> None:
        """Take everybody's figures."""
        for node, samples in self.samples.items():
            samples.append(Figures.of(self.group.pid(node)))

    def restart(self, limit: float) -> Restart:
        """Kill the inference node, start it again when the executor has stopped, and wait at most `limit` [s] until that follows it."""
        os.kill(self.group.pid(INFERENCE), signal.SIGKILL)
        wait_until(self._inference_ended, 10.0, "the node's end")
        self.link.wait(lambda: self.state not in ("", "running", "ramping"), 10.0)
        before, begin = self._counters(), time.monotonic()
        self._start_inference()
        accepted = running = None

        def progress() -> bool:
            nonlocal accepted, running
            now = self._counters()
            if accepted is None and now.get("accepted/joints", 0) > before.get("accepted/joints", 0):
                accepted = time.monotonic() - begin
            if accepted is not None and self.state == "running":
                running = time.monotonic() - begin
            return running is not None

        self.link.wait(progress, limit, self.group.check)
        after = self._counters()
        counted = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
        inference = self.link.statuses.get(INFERENCE)
        said = "nothing" if inference is None or inference.received < begin else inference.message
        to_chunk = "/".join(self.link.value(INFERENCE, f"observation_to_chunk_ms/{p}") for p in ("p50", "p99"))
        self.restarts.append(Restart(accepted, running, counted, self.state, self.link.value(EXECUTOR, "cause"), said, to_chunk))
        return self.restarts[-1]

    def _counters(self) -> dict[str, int]:
        status = self.link.statuses.get(EXECUTOR)
        values = {} if status is None else status.values
        return {key: int(value) for key, value in values.items() if key.startswith(CAUSES)}


_PARAMETERS = find_file("robot.yaml", "config")
