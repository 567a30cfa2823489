"""The inference node through its lifecycle, in this process, with a real policy."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
from inference_harness import make_policy
from rclpy.parameter import Parameter

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
