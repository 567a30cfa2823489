"""Committed steps on the robot: a chunk goes on from them, a policy that takes none is as it was, and a wrong prefix is a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from policies import write_policy

from neon_control.bench.measure import policy_inputs, torch_actions
from neon_control.core.common.errors import ChunkError, PolicyError
from neon_control.core.control.under_way import Prefix
from neon_control.core.sensing.observation import Observation
from neon_control.model.policy import ActionPolicy
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.policy_export import export_again
from neon_control.runtime.policy.decisions import ChunkStart
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy

D = 5
Case = tuple[Policy, ActionPolicy]


@pytest.fixture(scope="module", params=["grouped", "flow", "state_relative", "state_at_action"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    options: dict[str, Any] = {
        "grouped": {"num_steps": 16},
        "flow": {"head_type": "flow", "head_options": {"hidden_dim": 32}, "num_steps": 12, "dt": 0.05},
        "state_relative": {"state_relative": True, "mode": "upper_body"},
        "state_at_action": {"state_relative": True, "state_at_action": True, "num_steps": 20},
    }[request.param]
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    module, _, robot = write_policy(folder, max_prefix=D, weights="float32", **options)
    return Policy.load(folder, robot), module


def observation(policy: Policy, seed: int = 0) -> Observation:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Observation(123, image, rng.normal(0.0, 0.3, policy.file.space.num_joints), rng.normal(0.0, 0.1, 32000).astype(np.float32))


def committed(policy: Policy, steps: int, seed: int = 1) -> np.ndarray:
    space = policy.file.space
    return space.denormalise(np.random.default_rng(seed).uniform(-0.8, 0.8, (steps, space.dim)))


def test_a_chunk_begins_with_the_committed_steps_and_goes_on_as_torch_says(case: Case) -> None:
    policy, module = case
    seen = observation(policy)
    features, space = policy.encode(seen), policy.file.space
    for steps in (3, D, 1):
        prefix = committed(policy, steps)
        chunk = policy.act(features, seen.joint_positions, seen.stamp, prefix)
        np.testing.assert_allclose(chunk.values[:steps], prefix, rtol=0.0, atol=1e-5)
        rows = np.zeros((1, policy.file.num_steps, space.dim), np.float32)
        rows[0, :steps] = space.normalise(prefix)
        with torch.no_grad():
            expected = module(
                torch.from_numpy(np.asarray(features.vision))[None],
                torch.from_numpy(features.audio)[None],
                torch.from_numpy(space.normalise_joints(seen.joint_positions).astype(np.float32))[None],
                None if policy.noise is None else torch.from_numpy(policy.noise),
                prefix=torch.from_numpy(rows),
                prefix_length=torch.tensor([steps]),
            )[0].numpy()
        np.testing.assert_allclose(space.normalise(chunk.values), expected, rtol=0.0, atol=1e-5)


def test_a_prefix_counts_for_one_chunk_only(case: Case) -> None:
    policy, _ = case
    seen = observation(policy)
    features = policy.encode(seen)
    start = ChunkStart(policy, features, seen.joint_positions, seen.stamp)
    alone = start.chunk().values
    assert np.abs(start.chunk(Prefix(committed(policy, D))).values - alone).max() > 1e-3
    assert np.array_equal(start.chunk().values, alone)
    for none in (None, committed(policy, 0)):
        assert np.array_equal(policy.predict(seen, none).values, alone)


@pytest.mark.parametrize("wrong", ["long", "narrow", "flat", "not_finite"])
def test_a_wrong_prefix_is_refused_and_the_next_chunk_is_whole(case: Case, wrong: str) -> None:
    policy, _ = case
    seen = observation(policy)
    expected = policy.predict(seen).values
    prefix = committed(policy, 2)
    given = {
        "long": committed(policy, D + 1),
        "narrow": prefix[:, 1:],
        "flat": prefix[0],
        "not_finite": np.where(np.arange(2)[:, None] == 1, np.nan, prefix),
    }[wrong]
    with pytest.raises(ChunkError, match=f"needs finite values of \\({D} or fewer steps, {policy.file.space.dim}\\)") as caught:
        policy.predict(seen, given)
    assert caught.value.reason == "prefix"
    assert np.array_equal(policy.predict(seen).values, expected)


def test_a_policy_that_takes_none_says_so_and_is_written_as_it_always_was(tmp_path: Path) -> None:
    _, _, robot = write_policy(tmp_path / "tiny")
    description = (tmp_path / "tiny" / DESCRIPTION_FILE).read_text()
    assert "prefix" not in description
    policy = Policy.load(tmp_path / "tiny", robot)
    assert policy.max_prefix == 0
    seen = observation(policy)
    assert np.array_equal(policy.predict(seen, committed(policy, 0)).values, policy.predict(seen).values)
    with pytest.raises(ChunkError, match="0 or fewer steps"):
        policy.predict(seen, committed(policy, 1))


def test_a_description_that_leaves_no_step_free_is_refused(case: Case, tmp_path: Path) -> None:
    file = case[0].file
    description = yaml.safe_load((file.folder / DESCRIPTION_FILE).read_text())
    assert description["max_prefix"] == D
    (tmp_path / DESCRIPTION_FILE).write_text(yaml.safe_dump(description | {"max_prefix": file.num_steps}))
    with pytest.raises(PolicyError, match=f"needs fewer steps than the chunk's {file.num_steps}"):
        read_policy_file(tmp_path)


@pytest.mark.parametrize(("num_steps", "dt"), [(8, 0.1), (50, 0.04), (64, 0.01)])
def test_chunks_have_the_horizon_that_the_policy_was_made_with(num_steps: int, dt: float, tmp_path: Path) -> None:
    _, _, robot = write_policy(tmp_path / "tiny", num_steps=num_steps, dt=dt, max_prefix=num_steps - 1)
    policy = Policy.load(tmp_path / "tiny", robot)
    chunk = policy.predict(observation(policy), committed(policy, num_steps - 1))
    assert (chunk.num_steps, chunk.dt, policy.max_prefix) == (num_steps, dt, num_steps - 1)
    assert chunk.end == chunk.stamp + round((num_steps - 1) * dt * 1e9)


def test_the_joints_are_where_the_last_committed_step_leads_them_and_grippers_where_they_were_measured(tmp_path: Path) -> None:
    module, space, _ = write_policy(
        tmp_path / "at", robot_file="arm6_gripper.yaml", mode="arms_hands", state_at_action=True, state_relative=True, max_prefix=D
    )
    gripper = list(space.absolute)
    assert gripper and module.config.absolute == tuple(gripper)
    prefix = torch.rand(1, module.config.head.num_action_steps, space.dim) - 0.5
    measured = torch.rand(1, space.num_joints) - 0.5
    for steps in (0, 1, 3):
        state = module._at_action(measured, prefix, torch.tensor([steps]))[0]
        wanted = prefix[0, steps - 1, : space.num_joints].clone() if steps else measured[0].clone()
        wanted[gripper] = measured[0, gripper]
        assert torch.equal(state, wanted)


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Policy]:
    """A policy that draws, as it was trained, and exported so that it starts from what is under way."""
    folder = tmp_path_factory.mktemp("policies")
    options = {"head_type": "flow", "head_options": {"hidden_dim": 32}, "num_steps": 12, "state_relative": True}
    _, _, robot = write_policy(folder / "free", **options)
    export_again(read_policy_file(folder / "free"), folder / "starting", "float16", forward_only=True)
    return Policy.load(folder / "free", robot), Policy.load(folder / "starting", robot)


def test_forward_only_is_another_graph_of_the_same_policy(starting: tuple[Policy, Policy]) -> None:
    free, policy = starting
    assert not free.max_prefix and policy.max_prefix == policy.file.num_steps - 1 and not policy.file.max_prefix
    seen = observation(policy)
    np.testing.assert_allclose(policy.predict(seen).values, free.predict(seen).values, rtol=0.0, atol=1e-6)
    features = policy.encode(seen)
    prefix, further = committed(policy, 3), committed(policy, 6, seed=2)
    arguments = features, seen.joint_positions, seen.stamp
    told = policy.act(*arguments, prefix, further)
    np.testing.assert_allclose(told.values[:3], prefix, rtol=0.0, atol=1e-5)
    assert np.abs(told.values - policy.act(*arguments, prefix).values).max() > 1e-3, "what is under way counts"
    long = policy.act(*arguments, prefix, committed(policy, 60, seed=2))
    assert long.num_steps == 12, "what lies beyond the chunk does not"
    for wrong in (further[:, 1:], further[0], np.full_like(further, np.nan)):
        with pytest.raises(ChunkError, match="was given further steps of shape") as caught:
            policy.act(*arguments, prefix, wrong)
        assert caught.value.reason == "prefix"
    np.testing.assert_allclose(policy.act(*arguments).values, free.predict(seen).values, rtol=0.0, atol=1e-6)


def test_forward_only_in_torch_and_in_the_graph_say_the_same(starting: tuple[Policy, Policy]) -> None:
    policy = starting[1]
    module, session = rebuild_policy(policy.file), open_session(policy.file.onnx_path, 1)
    for given in policy_inputs(module, policy.noise, 8):
        np.testing.assert_allclose(session.run(None, given)[0], torch_actions(module, [given]), rtol=0.0, atol=1e-5)


def test_forward_only_is_refused_where_it_makes_no_sense(case: Case, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="was trained to take a prefix of 5 steps"):
        export_again(case[0].file, tmp_path / "again", "float32", forward_only=True)
    write_policy(tmp_path / "mean")
    with pytest.raises(PolicyError, match="the head 'grouped' draws nothing"):
        export_again(read_policy_file(tmp_path / "mean"), tmp_path / "again", "float32", forward_only=True)
    description = yaml.safe_load((tmp_path / "mean" / DESCRIPTION_FILE).read_text())
    (tmp_path / "mean" / DESCRIPTION_FILE).write_text(yaml.safe_dump(description | {"forward_only": True}))
    with pytest.raises(PolicyError, match="'forward_only' is for a policy that draws"):
        read_policy_file(tmp_path / "mean")
