"""Misspelt parameters and sections of parameter files are refused, with the nearest name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import setting
from neon_control.nodes.parameters import declare
from neon_control.nodes.processes import node_command

MODULES = {
    "inference_node": "neon_control.nodes.inference_node",
    "executor_node": "neon_control.nodes.executor_node",
    "monitor_node": "neon_control.nodes.monitor_node",
    "sim_node": "neon_control.sim.sim_node",
    "unitree_node": "neon_control.robots.unitree.node",
    "unitree_sim_node": "neon_control.sim.unitree.node",
}


@dataclass(frozen=True)
class Settings:
    chunk_timeout: float = setting(0.3, "a time-out", unit="s")


Build = Callable[..., Node]


@pytest.fixture
def given(ros: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """A node with a parameter file of this text, all of it checked as at the start of a process."""
    nodes: list[Node] = []

    def build(text: str, *words: str, name: str = "executor_node", namespace: str = "") -> Node:
        file = tmp_path / "given.yaml"
        file.write_text(text)
        command = ["node", "--ros-args", "--params-file", str(file), *words]
        monkeypatch.setattr(sys, "argv", command)
        nodes.append(rclpy.create_node(name, cli_args=command[1:], namespace=namespace))
        declare(nodes[-1], Settings)
        return nodes[-1]

    yield build
    for node in nodes:
        node.destroy_node()


def section(key: str, values: str) -> str:
    return f"{key}:\n  ros__parameters: {{{values}}}\n"


@pytest.mark.parametrize("key", ["executor_node", "/**/executor_node", "/executor_node", "/*/executor_node", "/r1/executor_node"])
def test_a_section_that_reaches_the_node_is_taken_and_a_misspelt_parameter_in_it_refused(given: Build, key: str) -> None:
    namespace = "/r1" if key in ("/*/executor_node", "/r1/executor_node") else ""
    assert given(section(key, "chunk_timeout: 0.5"), namespace=namespace).get_parameter("chunk_timeout").value == 0.5
    with pytest.raises(ConfigError, match=r"executor_node: there is no parameter chunk_timout; did you mean chunk_timeout\?"):
        given(section(key, "chunk_timout: 0.5"), namespace=namespace)


def test_a_namespace_may_be_a_level_of_the_file(given: Build) -> None:
    text = "r1:\n  executor_node:\n    ros__parameters:\n      chunk_timout: 0.5\n"
    with pytest.raises(ConfigError, match="no parameter chunk_timout"):
        given(text, namespace="/r1")


def test_a_misspelt_parameter_of_the_command_line_is_refused(given: Build) -> None:
    with pytest.raises(ConfigError, match="no parameter chunk_timout; did you mean chunk_timeout"):
        given(section("/**", "use_sim_time: false"), "-p", "chunk_timout:=0.5")


@pytest.mark.parametrize("values", ["chunk_timout: 0.5", "use_sim_time: false, rate_of_another_node: 3"])
def test_what_a_file_says_to_every_node_is_only_warned_of(given: Build, values: str, capfd: pytest.CaptureFixture[str]) -> None:
    given(section("/**", values))
    said = capfd.readouterr().err
    assert said.count("there is no parameter") == 1 and "without effect" in said


def test_parameters_that_ros_declares_where_it_is_asked_to_are_only_warned_of(given: Build, capfd: pytest.CaptureFixture[str]) -> None:
    given(section("executor_node", "use_sim_time: false, qos_overrides: {/joint_states: {subscription: {depth: 3}}}"))
    said = capfd.readouterr().err
    assert "there is no parameter qos_overrides./joint_states.subscription.depth" in said and "use_sim_time" not in said


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("/**/executer_node", r"the section /\*\*/executer_node is of no node; did you mean /\*\*/executor_node\?"),
        ("executor", r"did you mean /\*\*/executor_node"),
        ("executor_node", r"does not reach the node /r1/executor_node; write /\*\*/executor_node"),
        ("/r2/executor_node", "does not reach the node /r1/executor_node"),
    ],
)
def test_a_file_that_was_meant_for_the_node_and_does_not_reach_it_is_refused(given: Build, key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        given(section(key, "chunk_timeout: 0.5"), namespace="/r1")


def test_a_file_may_hold_what_other_nodes_and_robots_need(given: Build, capfd: pytest.CaptureFixture[str]) -> None:
    given(section("/r1/executor_node", "chunk_timeout: 0.5") + section("/r2/executor_node", "rate: 1"), namespace="/r1")
    given(section("/**/inference_node", "policy: x"), name="sim_node")
    assert "it has nothing for" not in capfd.readouterr().err
    given(section("/**/arm_driver", "rate: 3"))
    assert "given.yaml is for /**/arm_driver; it has nothing for /executor_node" in capfd.readouterr().err


@pytest.mark.system
@pytest.mark.parametrize("name", list(MODULES))
def test_every_node_refuses_a_misspelt_parameter_in_one_sentence(ros_domain_id: int, tmp_path: Path, name: str) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(section(f"/**/{name}", "robot_confg: g1.yaml"))
    environment = {**os.environ, "ROS_DOMAIN_ID": str(ros_domain_id)}
    done = subprocess.run(node_command(MODULES[name], file), env=environment, capture_output=True, text=True, timeout=60.0)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"/{name}: there is no parameter robot_confg; did you mean robot_config?" in done.stderr
