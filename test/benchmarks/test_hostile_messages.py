"""The largest pause between two commands while somebody sends what is meant to hold up the executor: real processes, real DDS.

Each attack runs from a thread of this process for `SECONDS`; a quiet time before it is the measure. `make bench` prints a line for each.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from executor_rig import Rig, rig
from hostile_messages import BIG, claims
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from neon_control.nodes.chunk_messages import chunk_qos

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS = 4.0  # of each attack, and of the quiet before it


def strangers(number: int) -> bytes:
    """Joint states of 100 joints whose names were never there before."""
    return serialize_message(JointState(name=[f"j{number}_{i}" for i in range(100)], position=[0.0] * 100))


ATTACKS: dict[str, tuple[type, str, float, Callable[[int], bytes]]] = {
    "8 MiB, 8 million points of joints": (JointTrajectory, "action_chunk/joints", 1.0, lambda _: claims(BIG, 8_000_000)),
    "8 MiB, 8 million points of the base": (MultiDOFJointTrajectory, "action_chunk/base", 1.0, lambda _: claims(BIG, 8_000_000)),
    "20 kB, 20,000 points of joints": (JointTrajectory, "action_chunk/joints", 50.0, lambda _: claims(20_000, 19_000)),
    "8 MiB, 8 million joint states": (JointState, "joint_states", 1.0, lambda _: claims(BIG, 8_000_000)),
    "joint states of new names": (JointState, "joint_states", 1000.0, strangers),
    "joint states of one stranger": (JointState, "joint_states", 5000.0, lambda _: strangers(0)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_pause(benchmark, capsys, ros_domain_id: int, attack: str) -> None:
    with rig(ros_domain_id) as running:
        running.start_player()
        running.wait_moving()
        benchmark.pedantic(lambda: benchmark.extra_info.update(measure(running, attack)), rounds=1)
    with capsys.disabled():
        print(f"\n{attack}: " + ", ".join(f"{k} {v:.1f}" for k, v in benchmark.extra_info.items()))


def measure(rig: Rig, attack: str) -> dict[str, float]:
    """The largest pauses [ms] between commands as they were sent, the resident memory [MB], and how much was sent."""
    with attacker(rig, attack) as send:
        rig.wait_moving()
        before, _ = pause(rig, lambda: rig.run_for(SECONDS))
        during, sent = pause(rig, send)
    resident = int(Path(f"/proc/{rig.executor.pid}/statm").read_text().split()[1]) * 4096e-6
    return {"quiet_ms": before, "attacked_ms": during, "resident_mb": resident, "messages_per_s": sent / SECONDS}


def pause(rig: Rig, act: Callable[[], float | None]) -> tuple[float, float]:
    first = len(rig.robot.joints.sent)
    result = act()
    sent = np.array(rig.robot.joints.sent[first:], dtype=float)
    return float(np.diff(sent).max() * 1e-6), result or 0.0


@contextlib.contextmanager
def attacker(rig: Rig, attack: str) -> Iterator[Callable[[], float]]:
    """A function that attacks and returns the number of messages sent.

    To make a participant takes 0.2 s, in which no other thread of this process runs: no joint states come, and the robot stops.
    """
    kind, topic, rate, make = ATTACKS[attack]
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(rig.environment["ROS_DOMAIN_ID"]))
    node = rclpy.create_node("attacker", context=context)
    qos = chunk_qos() if topic.startswith("action_chunk") else QoSProfile(depth=10)
    publisher = node.create_publisher(kind, topic, qos)
    messages = [make(number) for number in range(64 if kind is JointState and rate > 1.0 else 1)]

    def send() -> float:
        ended, sent = threading.Event(), 0
        deadline = time.monotonic()
        end = deadline + SECONDS
        while time.monotonic() < end:
            publisher.publish(messages[sent % len(messages)])
            sent += 1
            deadline += 1.0 / rate
            ended.wait(max(0.0, min(deadline, end) - time.monotonic()))
        return sent

    yield send
    node.destroy_node()
    context.try_shutdown()
