"""Chunks of two policies on a distribution whose rclpy does not say whose a message is (Jazzy; Kilted names the publisher)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from waiting import wait_until

from neon_control.core.control.chunk import JOINTS
from neon_control.nodes.executor_node import ExecutorNode
from neon_control.nodes.transport import PROFILES

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PLAYER = [sys.executable, str(Path(__file__).with_name("chunk_player.py")), "--robot", "g1.yaml"]


class JazzyNode(ExecutorNode):
    """The node, told of its messages what Jazzy's rclpy tells."""

    def create_subscription(self, kind: type, topic: str, callback: Callable[..., None], *args: Any, **options: Any) -> Any:
        def told(message: Any, info: dict[str, Any]) -> None:
            callback(message, {k: v for k, v in info.items() if k != "publisher_gid"})

        return super().create_subscription(kind, topic, told if options.get("raw") else callback, *args, **options)


@pytest.fixture
def start(ros_domain_id: int) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts one more publisher of chunks. They end after the node: beside a process just killed, Fast DDS may crash while it leaves."""
    with ExitStack() as stack:

        def player() -> subprocess.Popen[bytes]:
            environment = {k: v for k, v in os.environ.items() if k != PROFILES}
            process = stack.enter_context(subprocess.Popen(PLAYER, env=environment, stdin=subprocess.PIPE))
            stack.callback(process.kill)
            return process

        yield player


@pytest.fixture
def node(start: Callable[[], subprocess.Popen[bytes]]) -> Iterator[JazzyNode]:
    rclpy.init()
    node = JazzyNode()
    yield node
    if node.is_active:
        node.trigger_deactivate()
    node.destroy_node()
    rclpy.try_shutdown()


def test_two_at_once_are_both_refused_until_one_is_gone(node: JazzyNode, start: Callable[[], subprocess.Popen[bytes]]) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def accepted() -> int:
        return int(node._motion.streams[JOINTS].accepted)

    def refused() -> int:
        return node._motion.rejected[f"{JOINTS}/other_publisher"]

    def await_more(count: Callable[[], int], what: str) -> None:
        enough = count() + 5
        wait_until(lambda: count() >= enough, 30.0, what, tick=lambda: executor.spin_once(timeout_sec=0.02))

    first = start()
    wait_until(lambda: node.is_active, 30.0, "an active node", tick=lambda: executor.spin_once(timeout_sec=0.02))
    await_more(accepted, "chunks of one publisher")
    start()
    await_more(refused, "chunks that are refused")
    before = accepted()
    await_more(refused, "more of them")
    assert accepted() == before, "neither of the two is followed"
    first.kill()
    await_more(accepted, "chunks of the one that is left")
