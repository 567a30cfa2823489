"""A node ends with the launch that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.nodes.launched import LAUNCHER, end_with_launch
from neon_control.nodes.processes import node_command

# What a launch file of ours does: it starts a node and tells it which process it stands in.
LAUNCH = f"""
import os, subprocess, sys
subprocess.run(sys.argv[1:], env={{**os.environ, "{LAUNCHER}": str(os.getpid())}})
"""
EXECUTOR = node_command("neon_control.nodes.executor_node", None, {"robot_config": "arm6.yaml"}, "--log-level", "rcl:=debug")


def test_without_a_launch_a_node_stands_alone() -> None:
    environment: dict[str, str] = {}
    end_with_launch(environment)
    assert environment == {}


def test_a_launch_that_has_ended_already_is_an_error_and_is_not_passed_on() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    environment = {LAUNCHER: str(ended.pid)}
    with pytest.raises(ConfigError, match=f"the launch that started this node, process {ended.pid}, has ended"):
        end_with_launch(environment)
    assert environment == {}


@pytest.mark.system
@pytest.mark.parametrize("said", ["", "arm6, arms_only"], ids=["at its start", "at work"])
def test_an_executor_ends_in_order_when_its_launch_is_killed(ros_domain_id: int, said: str) -> None:
    """The wound: `ros2 launch` failed or was killed, and left an executor that nobody owned."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(ros_domain_id)}
    command = [sys.executable, "-c", LAUNCH, *EXECUTOR]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as launch:
        assert launch.stdout is not None
        while said not in (line := launch.stdout.readline()):
            assert line, "the node ended by itself"
        launch.send_signal(signal.SIGKILL)
        rest, _ = launch.communicate(timeout=30.0)  # until the node has closed the pipe, too
    assert "Traceback" not in rest
