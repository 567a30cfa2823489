"""Chunks that go on from what the executor will command, with both nodes as processes over real DDS: through a stall, an e-stop and a swap.

The policy is `test/runtime/going_on.py`: a chunk that was conditioned moves from row to row, one that was not is constant. So what is on
the wire says by itself which it was, and its first rows have to be what the controllers were told for those instants.
"""

from __future__ import annotations

import bisect
import math
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from executor_rig import PATIENT, Rig, rig
from going_on import write_going_on
from inference_harness import NodeProcess, running_node
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory
from waiting import wait_until
from wire_limits import at

from neon_control.core.control.under_way import LEAST, WARM_UP
from neon_control.core.robot.topic_names import CHUNK_JOINTS
from neon_control.nodes.chunk_messages import chunk_qos, to_time

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]

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
                gap = np.abs(chunk.rows[i] - self.told_at(chunk.stamp + round(i * DT * 1e9))).max()
                if gap > TOLERANCE:
                    found.append(f"stamp {chunk.stamp}, row {i}: {gap:.3f} rad from what was commanded")
        return found

    def now(self) -> int:
        return self.rig.robot.now()

    def judge(self, since: int) -> None:
        """The limits on the wire, and every conditioned chunk since [ns]."""
        assert self.rig.violations() == []
        assert self.misfits(since, self.now() - round(3 * DT * 1e9)) == []


@pytest.fixture
def scene(ros_domain_id: int, tmp_path: Path) -> Iterator[Scene]:
    write_going_on(tmp_path / "first", dt=DT, max_prefix=12)
    write_going_on(tmp_path / "second", dt=DT, max_prefix=12, scale=-0.4)
    ages = {"max_age.camera": 1.0, "max_age.joint_states": 1.0}
    with (
        rig(ros_domain_id, **PATIENT) as running,
        running_node(tmp_path / "log", policy=tmp_path / "first", plugins="[going_on]", **ages) as node,
    ):
        built = Scene(running, node, tmp_path)
        built.wait_conditioned()
        yield built
        assert "Traceback" not in node.output


def test_chunks_go_on_from_what_the_executor_will_command(scene: Scene) -> None:
    begin = scene.now()
    scene.wait_conditioned(15)
    scene.rig.run_for(3 * DT)
    scene.judge(begin)
    wait_until(lambda: int(scene.status.get("prefix_steps", "0")) > 0, LIMIT, "diagnostics that tell of a prefix")
    assert scene.status["max_prefix"] == "12" and float(scene.status["delay_ms"]) >= 100.0
    assert int(scene.rig.report()["plans_told"]) > 0


def test_through_a_stall_of_the_executor(scene: Scene) -> None:
    scene.rig.executor.send_signal(signal.SIGSTOP)
    frozen = scene.now()
    scene.rig.run_for(SETTLED)
    quiet = scene.now()
    scene.wait_chunks(3)
    thawed = scene.now()
    scene.rig.executor.send_signal(signal.SIGCONT)
    assert not [c for c in scene.chunks if quiet <= c.stamp < thawed - round(0.2e9) and c.conditioned], "a stale prefix"
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    scene.judge(thawed + round(SETTLED * 1e9))
    assert scene.misfits(frozen - round(5e9), frozen - round(1e9)) == []
    reasons = [key for key in scene.status if key.startswith("no_prefix_")]
    assert {"no_prefix_unanswered", "no_prefix_stopped"} & set(reasons), reasons


def test_through_an_emergency_stop(scene: Scene) -> None:
    assert scene.rig.call("estop", SetBool, SetBool.Request(data=True)).success
    pressed = scene.now()
    scene.rig.run_for(SETTLED)
    quiet = scene.now()
    scene.wait_chunks(5)
    assert not [c for c in scene.chunks if c.stamp >= quiet and c.conditioned], "a stale prefix"
    wait_until(lambda: "follows nothing" in scene.status.get("prefix_missing", ""), LIMIT, "diagnostics that say why there is none")
    assert scene.misfits(pressed - round(5e9), pressed - round(1e9)) == []
    assert scene.rig.call("estop", SetBool, SetBool.Request(data=False)).success
    assert scene.rig.call("reset", Trigger, Trigger.Request()).success
    released = scene.now()
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    scene.judge(released)


def test_through_a_change_of_the_policy(scene: Scene) -> None:
    begin, count = scene.now(), len(scene.chunks)
    client = scene.rig.robot.node.create_client(SetParameters, "/inference_node/set_parameters")
    wait_until(client.service_is_ready, LIMIT, "the parameter service")
    request = SetParameters.Request(parameters=[Parameter("policy", value=str(scene.folder / "second")).to_parameter_msg()])
    future = client.call_async(request)
    wait_until(future.done, LIMIT, "an answer")
    assert future.result().results[0].successful
    wait_until(lambda: scene.status.get("policy_name") == "second", LIMIT, "the other policy")
    scene.wait_conditioned()
    scene.rig.run_for(3 * DT)
    free = "".join("-" if c.conditioned else "x" for c in scene.chunks[count:])
    assert "x" * (WARM_UP + LEAST) in free, "the first chunks of another policy go on from nothing"
    assert int(scene.status["no_prefix_swap"]) >= 1
    scene.judge(begin)
