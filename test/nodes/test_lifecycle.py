"""Nodes that start themselves, refuse, and stop in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import rclpy
from lifecycle_msgs.msg import State
from rclpy.parameter import Parameter
from std_msgs.msg import String

from neon_control.core.common.errors import ConfigError
from neon_control.nodes.lifecycle import AutostartNode


class Recorder(AutostartNode):
    """Notes its transitions; creates entities that cleanup has to remove."""

    def __init__(self, autostart: bool = False, refuse: str = "") -> None:
        super().__init__("recorder", parameter_overrides=[Parameter("autostart", value=autostart)])
        self.refuse, self.steps = refuse, []

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.refuse == name:
            raise ConfigError("no such file")

    def configure(self) -> None:
        self.create_publisher(String, "out", 1)
        self.create_subscription(String, "in", lambda m: None, 1)
        self.create_timer(1.0, lambda: None)
        self._step("configure")

    def activate(self) -> None:
        self._step("activate")

    def deactivate(self) -> None:
        self._step("deactivate")

    def cleanup(self) -> None:
        self._step("cleanup")

    @property
    def state(self) -> int:
        return self._state_machine.current_state[0]

    @property
    def counts(self) -> tuple[int, int, int]:
        return tuple(len(list(entities)) for entities in (self.publishers, self.subscriptions, self.timers))


@pytest.fixture
def recorder(ros):
    nodes = []

    def build(**options):
        nodes.append(Recorder(**options))
        return nodes[-1]

    yield build
    for node in nodes:
        node.destroy_node()


def spin(node: AutostartNode) -> None:
    for _ in range(3):
        rclpy.spin_once(node, timeout_sec=0.1)


def test_autostart_goes_to_active_once_spinning(recorder):
    node = recorder(autostart=True)
    assert node.steps == []
    spin(node)
    assert node.steps == ["configure", "activate"] and node.is_active and not node.failed


def test_without_autostart_a_manager_decides(recorder):
    node = recorder()
    spin(node)
    assert node.state == State.PRIMARY_STATE_UNCONFIGURED
    node.trigger_configure()
    node.trigger_activate()
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert node.steps == ["configure", "activate", "deactivate", "cleanup"]


def test_cleanup_removes_what_configure_created(recorder):
    node = recorder()
    before = node.counts
    for _ in range(2):
        node.trigger_configure()
        assert node.counts != before
        node.trigger_cleanup()
        assert node.counts == before


def test_a_refusal_leaves_no_entities_and_ends_an_autostarted_node(recorder):
    node = recorder(autostart=True, refuse="configure")
    before = node.counts
    spin(node)
    assert node.failed and node.state == State.PRIMARY_STATE_UNCONFIGURED
    assert node.counts == before


def test_a_refused_activation_stays_inactive(recorder):
    node = recorder(refuse="activate")
    node.trigger_configure()
    node.trigger_activate()
    assert node.state == State.PRIMARY_STATE_INACTIVE


def test_a_shutdown_transition_deactivates_first(recorder):
    node = recorder()
    node.trigger_configure()
    node.trigger_activate()
    node.trigger_shutdown()
    assert node.steps[-1] == "deactivate"


PROGRAM = """
import sys
from neon_control.core.common.errors import ConfigError
from neon_control.nodes.lifecycle import AutostartNode, run
class Node(AutostartNode):
    def __init__(self):
        super().__init__("node")
    def configure(self):
        if sys.argv[1] == "refuse":
            raise ConfigError("the reason")
        if sys.argv[1] == "load":
            print("loading", flush=True)
            while True:
                pass
    def activate(self):
        print("active", flush=True)
    def deactivate(self):
        print("deactivated, context", self.context.ok(), flush=True)
sys.exit(run(Node))
"""


def start(argument: str, domain: int, *words: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), **variables}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, argument, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended_by(number: signal.Signals, process: subprocess.Popen[str], said: str) -> str:
    """A process that has `said` this ends in order at a signal; what it says then."""
    assert process.stdout.readline() == said
    process.send_signal(number)
    out, err = process.communicate(timeout=3.0)
    assert process.returncode == 0 and "Traceback" not in err
    return out


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_deactivates_with_a_working_context_and_exits_with_zero(ros_domain_id, number):
    assert ended_by(number, start("run", ros_domain_id), "active\n") == "deactivated, context True\n"


@pytest.mark.system
def test_a_node_that_cannot_start_says_why_and_exits_with_one(ros_domain_id):
    process = start("refuse", ros_domain_id)
    _, err = process.communicate(timeout=10.0)
    assert process.returncode == 1 and "configure refused: the reason" in err


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_that_is_still_loading(ros_domain_id, number):
    """The wound: it waited for the end of the loading, and `ros2 launch` had lost its patience by then."""
    ended_by(number, start("load", ros_domain_id), "loading\n")


@pytest.mark.system
@pytest.mark.parametrize(("strategy", "warned"), [("", True), ("Permissive", True), ("enforce", True), (None, False)])
def test_security_that_is_not_enforced_is_warned_of(ros_domain_id, strategy, warned):
    variables = {} if strategy is None else {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": strategy}
    process = start("run", ros_domain_id, **variables)
    assert process.stdout.readline() == "active\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=3.0)
    assert (f"ROS_SECURITY_ENABLE is true, but ROS_SECURITY_STRATEGY is '{strategy}'" in err) == warned


@pytest.mark.system
@pytest.mark.parametrize(
    ("words", "variables", "reason"),
    [
        ([], {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce"}, "failed to initialize"),
        (["--ros-args", "--params-file", "no/such.yaml"], {}, "no/such.yaml"),
    ],
    ids=["no keys", "no parameter file"],
)
def test_a_middleware_that_does_not_start_is_told_in_one_sentence(ros_domain_id, words, variables, reason):
    process = start("run", ros_domain_id, *words, **variables)
    _, err = process.communicate(timeout=10.0)
    assert process.returncode == 1 and "Traceback" not in err
    assert "ROS 2 does not start: " in err and reason in err
