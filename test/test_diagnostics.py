"""What the nodes say on /diagnostics is documented, and named as REP-107 and its viewers expect."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn

from neon_control.core.control.clearance import ClearanceGuard
from neon_control.core.control.supervisor import State
from neon_control.core.robot.clearance_settings import ClearanceSettings
from neon_control.core.robot.robot_file import load_robot
from neon_control.nodes.executor_diagnostics import MEANING
from neon_control.nodes.executor_node import ExecutorNode
from neon_control.nodes.inference import InferenceNode
from neon_control.nodes.lifecycle import AutostartNode

ROOT = Path(__file__).resolve().parents[1]


class Recorder:
    """Stands in for a publisher."""

    def publish(self, message: DiagnosticArray) -> None:
        self.message = message


@pytest.fixture
def configured(ros_domain_id: int) -> Iterator[Callable[[type[AutostartNode]], AutostartNode]]:
    """A configured node of a class, in the namespace r1."""
    rclpy.init(args=["--ros-args", "-r", "__ns:=/r1", "-p", "autostart:=false"])
    nodes: list[AutostartNode] = []

    def configure(kind: type[AutostartNode]) -> AutostartNode:
        nodes.append(kind())
        assert nodes[0].trigger_configure() is TransitionCallbackReturn.SUCCESS
        return nodes[0]

    yield configure
    nodes[0].destroy_node()
    rclpy.try_shutdown()


def documented(node: str) -> set[str]:
    """Keys in the node's table of docs/diagnostics.md."""
    section = (ROOT / "docs" / "diagnostics.md").read_text().split(f"## {node}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE))


def pattern(key: str) -> re.Pattern[str]:
    """A documented key, in which `<...>` stands for a name."""
    return re.compile("[^/]+".join(map(re.escape, re.split(r"<\w+>", key))))


def assert_documented(node: str, told: set[str]) -> None:
    patterns = {key: pattern(key) for key in documented(node)}
    assert {key for key in told if not any(p.fullmatch(key) for p in patterns.values())} == set(), "not in docs/diagnostics.md"
    assert {key for key, p in patterns.items() if not any(p.fullmatch(t) for t in told)} == set(), "documented, but never told"


def keys(status: DiagnosticStatus) -> set[str]:
    return {value.key for value in status.values}


@pytest.mark.system
def test_every_key_of_the_executor_is_documented(configured: Callable[[type[AutostartNode]], AutostartNode]) -> None:
    node = configured(ExecutorNode)
    node._diagnostics = Recorder()
    robot = replace(load_robot("g1.yaml"), clearance=ClearanceSettings())
    node._motion.guard = ClearanceGuard(robot, node._motion.joint_names, node._motion.period)
    node._grippers = [SimpleNamespace(controller="jaw", told="reached")]  # type: ignore[list-item]
    node._motion.reject("joints", "late")
    node._motion.supervisor.stops["chunks"] += 1
    for counts in node._motion.limiter.counts.values():
        counts += np.arange(len(counts))
    node._publish_diagnostics()
    status = node._diagnostics.message.status[0]
    assert (status.name, status.hardware_id) == ("r1/executor_node: control", "unitree_g1")
    assert_documented("executor_node", keys(status))
    assert set(MEANING) == set(State)


def statistics_of_the_source() -> set[str]:
    """Every counter and latency that the inference's code names; a part that is computed is `x`."""
    found: set[str] = set()
    for file in ("runtime/policy/loop.py", "runtime/policy/decisions.py", "nodes/inference.py", "nodes/camera_topics.py"):
        for call in (n for n in ast.walk(ast.parse((ROOT / "neon_control" / file).read_text())) if isinstance(n, ast.Call)):
            if ast.unparse(call.func) in ("self._statistics.count", "self.statistics.count", "self._count"):
                (name,) = call.args
                parts = name.values if isinstance(name, ast.JoinedStr) else [name]
                found.add("".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in parts))
            elif ast.unparse(call.func) == "self._statistics.record":
                found |= {f"{k.arg}/{q}" for k in call.keywords for q in ("p50", "p99", "max")}
    return found


@pytest.mark.system
def test_every_key_of_the_inference_is_documented(configured: Callable[[type[AutostartNode]], AutostartNode]) -> None:
    node = configured(InferenceNode)
    node._diagnostics_publisher = Recorder()
    node._publish_diagnostics()
    status = node._diagnostics_publisher.message.status[0]
    assert (status.name, status.hardware_id) == ("r1/inference_node: inference", "unitree_g1")
    later = {*(f"{name}_age_ms" for name in ("image", "audio", "features")), "images_unlike"}  # told once there is something
    assert_documented("inference_node", keys(status) | later | statistics_of_the_source())


def test_the_aggregator_finds_both_nodes() -> None:
    analyzers = yaml.safe_load((ROOT / "config" / "diagnostic_aggregator.yaml").read_text())["analyzers"]["ros__parameters"]
    wanted = [word for a in analyzers.values() if isinstance(a, dict) for word in a["contains"]]
    for name in ("executor_node: control", "r1/inference_node: inference"):
        assert sum(word in name for word in wanted) == 1
