"""From features to chunks: features go to the action layer once, wherever they are, and are never overwritten while it reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from graphs import ort_array
from policies import random_module, write_policy

from neon_control.core.common.errors import PolicyError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.policy import Features, Policy, draw_noise

ROBOT = load_robot("g1.yaml")
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")
FLOW = {"head_type": "flow", "head_options": {"hidden_dim": 32, "num_denoise_steps": 2}}
JOINTS = np.linspace(-0.3, 0.3, SPACE.num_joints)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A policy that draws its actions, by what runs its action layer."""
    root = tmp_path_factory.mktemp("policies")
    write_policy(root / "onnx", weights="float32", **FLOW)
    module = random_module(SPACE, **FLOW)
    export_policy(
        module,
        root / "torch",
        SPACE,
        robot=ROBOT.name,
        action_layer=module.config.to_dict(),
        training={},
        weights="float32",
        backend="torch",
    )
    return {"onnx": root / "onnx", "torch": root / "torch"}


@pytest.fixture(params=["onnx", "torch"])
def policy(folders: dict[str, Path], request: pytest.FixtureRequest) -> Policy:
    return Policy.load(folders[request.param], ROBOT, BackboneOptions(provider="cpu", device="cpu"))


@pytest.fixture
def given(policy: Policy) -> Iterator[list[set[str]]]:
    """The names of the inputs of each run of the real action layer."""
    names: list[set[str]] = []
    run = policy._action_layer.run

    def watched(inputs: Mapping[str, Array]) -> np.ndarray:
        names.append(set(inputs))
        return run(inputs)

    with mock.patch.object(policy._action_layer, "run", watched):
        yield names


def features(seed: int) -> Features:
    rng = np.random.default_rng(seed)
    return Features(seed, rng.standard_normal(2048, np.float32), rng.standard_normal(384, np.float32))


def same(one: ActionChunk, other: ActionChunk) -> bool:
    return np.array_equal(one.joints, other.joints) and np.array_equal(one.base, other.base)


def test_features_and_noise_go_to_the_action_layer_once_and_joint_positions_every_time(policy: Policy, given: list[set[str]]) -> None:
    first, second = features(1), features(2)
    chunks = [policy.act(first, JOINTS + 0.1 * i, i) for i in range(3)]
    assert given == [{"proprioception", "vision", "audio"}, {"proprioception"}, {"proprioception"}]  # the noise went with the warm-up
    assert not same(chunks[0], chunks[1]), "the joint positions matter"
    other = policy.act(second, JOINTS, 3)
    assert given[3] == {"proprioception", "vision", "audio"} and not same(other, chunks[0])
    assert same(policy.act(first, JOINTS, 4), chunks[0]) and same(policy.act(second, JOINTS, 5), other)


def test_equal_features_of_another_observation_are_not_mistaken_for_the_same(policy: Policy, given: list[set[str]]) -> None:
    values = features(1)
    policy.act(values, JOINTS, 0)
    policy.act(replace(values), JOINTS, 0)
    assert given[1] == {"proprioception", "vision", "audio"}


def test_another_noise_is_given_with_the_next_chunk_and_once(policy: Policy, given: list[set[str]]) -> None:
    values = features(1)
    chunk = policy.act(values, JOINTS, 0)
    policy.noise = draw_noise(policy.file, seed=1)
    other = policy.act(values, JOINTS, 0)
    assert given[1] == {"proprioception", "noise"} and not same(other, chunk)
    assert same(policy.act(values, JOINTS, 0), other) and given[2] == {"proprioception"}
    policy.noise = draw_noise(policy.file)
    assert same(policy.act(values, JOINTS, 0), chunk)


@pytest.mark.parametrize("place", [torch.tensor, ort_array])
def test_features_of_torch_and_of_onnx_runtime_give_the_chunk_that_numpy_s_do(policy: Policy, place) -> None:
    values = features(3)
    expected = policy.act(values, JOINTS, 0)
    assert same(policy.act(replace(values, vision=place(values.vision)), JOINTS, 0), expected)


def test_features_that_are_refused_leave_nothing_behind(policy: Policy) -> None:
    values = features(1)
    expected = policy.act(values, JOINTS, 0)
    with pytest.raises((PolicyError, RuntimeError), match=r"384|383"):
        policy.act(replace(features(2), audio=np.zeros(383, np.float32)), JOINTS, 0)  # its vision was read before the audio was not
    assert same(policy.act(values, JOINTS, 0), expected)


def test_new_features_never_change_those_that_another_thread_acts_on(policy: Policy) -> None:
    """Two rates: the head acts on one features result while the backbone makes the next ones."""
    rng = np.random.default_rng(0)
    sound = np.zeros(32000, np.float32)
    seen = [policy.still(i, rng.integers(0, 256, (240, 320, 3), dtype=np.uint8), JOINTS, sound) for i in range(4)]
    expected = [policy.act(policy.encode(o), JOINTS, 0) for o in seen]
    assert not same(expected[0], expected[1])
    newest = [(0, policy.encode(seen[0]))]
    done, wrong, used = threading.Event(), [], set()

    def head() -> None:
        while not done.is_set():
            index, values = newest[-1]
            used.add(index)
            wrong.extend([index] if not same(policy.act(values, JOINTS, 0), expected[index]) else [])

    thread = threading.Thread(target=head)
    thread.start()
    try:
        for i in range(20):
            newest.append((i % 4, policy.encode(seen[i % 4])))
    finally:
        done.set()
        thread.join()
    assert len(used) > 1 and not wrong
    for index, values in newest:  # none of them was written over by those that came after it
        assert same(policy.act(values, JOINTS, 0), expected[index])


def test_many_threads_may_act_at_once(policy: Policy) -> None:
    all_features = [features(seed) for seed in range(4)]
    expected = [policy.act(f, JOINTS, 0) for f in all_features]
    wrong: list[int] = []

    def act(index: int) -> None:
        for _ in range(30):
            if not same(policy.act(all_features[index], JOINTS, 0), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=act, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
