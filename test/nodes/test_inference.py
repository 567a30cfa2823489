"""The inference node through its lifecycle, in this process, with a real policy."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
from going_on import write_going_on
from inference_harness import make_policy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from neon_control.core.common.errors import ObservationError
from neon_control.core.control.chunk import JOINTS
from neon_control.core.control.foresight import Foreseen
from neon_control.nodes.chunk_messages import joint_plan_message
from neon_control.nodes.inference import InferenceNode


@pytest.fixture
def node(ros: int, tmp_path: Path) -> InferenceNode:
    make_policy(tmp_path / "tiny", use_audio=False)
    node = InferenceNode(parameter_overrides=[Parameter("autostart", value=False), Parameter("policy", value=str(tmp_path / "tiny"))])
    yield node
    node.destroy_node()


def _entities(node: InferenceNode) -> int:
    return sum(len(list(kind)) for kind in (node.publishers, node.subscriptions, node.services, node.timers))


def test_cleanup_disconnects_everything_and_gives_the_policys_memory_back(node: InferenceNode) -> None:
    before = _entities(node)
    for _ in range(2):
        node.trigger_configure()
        policy = weakref.ref(node._decisions.policy)
        for _ in range(2):
            node.trigger_activate()
            assert node.is_active and _entities(node) > before
            node.trigger_deactivate()
        node.trigger_cleanup()
        assert _entities(node) == before
        assert policy() is None, "the next configure would need room for two"


@pytest.fixture
def going_on(ros: int, tmp_path: Path) -> InferenceNode:
    write_going_on(tmp_path / "going_on", max_prefix=8)
    node = InferenceNode(parameter_overrides=[Parameter("autostart", value=False), Parameter("policy", value=str(tmp_path / "going_on"))])
    assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
    yield node
    node.destroy_node()


def test_only_for_a_policy_that_takes_committed_steps_does_the_node_listen_to_what_will_be_commanded(
    node: InferenceNode, going_on: InferenceNode
) -> None:
    """The executor works it out for those who listen."""
    node.trigger_configure()
    for built, topics in ((node, set()), (going_on, {"/action_plan/joints", "/action_plan/base"})):
        assert {s.topic_name for s in built.subscriptions} & {"/action_plan/joints", "/action_plan/base"} == topics
    assert going_on._told_of_prefixes()["prefix_missing"] == "no chunk yet"


def test_after_a_plan_that_cannot_be_read_nothing_told_before_is_believed(going_on: InferenceNode) -> None:
    names = going_on._decisions.policy.file.space.joint_names
    told: list[tuple[str, Foreseen]] = []
    going_on._decisions.told = lambda *what: told.append(what)  # type: ignore[method-assign]
    values = Foreseen(10**18, 5, 0.02, names, np.zeros((4, len(names))))
    message = joint_plan_message(values)
    going_on._on_plan(JOINTS, message)
    assert (told[-1][1].stamp, told[-1][1].first) == (values.stamp, 5)
    message.joint_names[0] = "another"
    with pytest.raises(ObservationError, match="joints: joints missing"):
        going_on._on_plan(JOINTS, message)
    assert told[-1][1].stamp == 0 and not len(told[-1][1].values)
