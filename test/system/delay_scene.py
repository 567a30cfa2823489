"""Both nodes as processes over real DDS, and what is on the wire between them: chunks that say by themselves whether they were conditioned.

The policy is `test/runtime/going_on.py`: a chunk that was conditioned moves from row to row, one that was not is constant.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from executor_rig import PATIENT, Rig, rig
from going_on import write_going_on
from inference_harness import NodeProcess, running_node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until
from wire_limits import at

from neon_control.core.robot.topic_names import CHUNK_JOINTS
from neon_control.nodes.chunk_messages import chunk_qos, to_time

DT, CAMERA = 0.1, 0.2  # [s] a step; between two images
SWING = 6.0  # [s] period of the brightness
LIMIT = 90.0  # [s] for what a busy machine does sooner or later
SETTLED = 0.6  # [s] after which a stop, or silence, is known to the inference node
TOLERANCE = 0.02  # [rad] a line over 0.1 s beside the motion itself, at most 5 rad/s^2


@dataclass
class Chunk:
    """One that was on the wire."""

    stamp: int  # [ns]
    arrival: float  # [s] monotonic
    rows: np.ndarray  # (H, J) [rad]

    @property
    def conditioned(self) -> bool:
        return bool(np.ptp(self.rows, axis=0).max() > 1e-6)


@dataclass
class Scene:
    """A rig whose chunks come from an inference node, which sees a brightness that swings."""

    rig: Rig
    node: NodeProcess
    folder: Path
    dt: float = DT  # [s] a step
    chunks: list[Chunk] = field(default_factory=list)
    status: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ros = self.rig.robot.node
        self._image = ros.create_publisher(Image, "camera/image_raw", qos_profile_sensor_data)
        ros.create_subscription(JointTrajectory, CHUNK_JOINTS, self._on_chunk, chunk_qos(deadline=None, lease=None))
        ros.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        ros.create_timer(CAMERA, self._send_image)

    def _send_image(self) -> None:
        now = self.rig.robot.now()
        value = round(127.5 + 120.0 * math.sin(2.0 * math.pi * now * 1e-9 / SWING))
        message = Image(height=8, width=8, step=24, encoding="rgb8", data=bytes([value]) * 192)
        message.header.stamp = to_time(now)
        self._image.publish(message)

    def _on_chunk(self, message: JointTrajectory) -> None:
        order = [message.joint_names.index(n) for n in self.rig.robot.names]
        rows = np.array([p.positions for p in message.points])[:, order]
        self.chunks.append(Chunk(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec, time.monotonic(), rows))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "inference_node: inference":
                self.status = {v.key: v.value for v in status.values}

    def wait_conditioned(self, number: int = 5) -> None:
        """Until so many more chunks were conditioned."""
        begin = len(self.chunks)
        try:
            wait_until(lambda: sum(c.conditioned for c in self.chunks[begin:]) >= number, LIMIT, f"{number} conditioned chunks")
        except AssertionError as error:
            raise AssertionError(f"{error}; executor: {self.rig.robot.status}; inference: {self.status}") from None

    def wait_chunks(self, number: int) -> None:
        begin = len(self.chunks)
        wait_until(lambda: len(self.chunks) >= begin + number, LIMIT, f"{number} more chunks")

    def told_at(self, instant: int) -> np.ndarray:
        """(J,) where the controller was told to be at an instant [ns]."""
        commands = self.rig.robot.joints
        return at(commands.ways[max(bisect.bisect_right(commands.sent, instant) - 1, 0)], instant)[0]

    def misfits(self, since: int, until: int) -> list[str]:
        """Conditioned chunks with stamps in between [ns] whose first two rows are not what was commanded."""
        found = []
        for chunk in [c for c in self.chunks if c.conditioned and since <= c.stamp <= until]:
            for i in range(2):  # the shortest delay: lead and period
                gap = np.abs(chunk.rows[i] - self.told_at(chunk.stamp + round(i * self.dt * 1e9))).max()
                if gap > TOLERANCE:
                    found.append(f"stamp {chunk.stamp}, row {i}: {gap:.3f} rad from what was commanded")
        return found

    def now(self) -> int:
        return self.rig.robot.now()

    def judge(self, since: int) -> None:
        """The limits on the wire, and every conditioned chunk since [ns]."""
        assert self.rig.violations() == []
        assert self.misfits(since, self.now() - round(3 * DT * 1e9)) == []


@contextmanager
def delay_scene(
    domain: int, folder: Path, dt: float = DT, num_steps: int = 16, max_prefix: int = 12, **parameters: object
) -> Iterator[Scene]:
    """A scene in which chunks go on already; `parameters` are of the inference node."""
    write_going_on(folder / "first", dt=dt, num_steps=num_steps, max_prefix=max_prefix)
    ages = {"max_age.camera": 1.0, "max_age.joint_states": 1.0}
    with (
        rig(domain, **PATIENT, chunk_steps=num_steps) as running,
        running_node(folder / "log", policy=folder / "first", plugins="[going_on]", **ages, **parameters) as node,
    ):
        built = Scene(running, node, folder, dt)
        built.wait_conditioned()
        yield built
        assert "Traceback" not in node.output
