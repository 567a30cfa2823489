"""A policy's weights in float32, float16 and int8: one verified folder each, the same loader, and how far each is from float32."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from policies import random_module, write_policy

from neon_control.bench.measure import ActionError, policy_inputs, torch_actions
from neon_control.core.common.errors import PolicyError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.model.policy import ActionPolicy
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.export.graph_weights import SMALL, WEIGHT_TYPES
from neon_control.runtime.export.policy_export import export_again, export_policy, rebuild_policy
from neon_control.runtime.policy.policy import NOISE_SEED, Features, Policy, draw_noise
from neon_control.runtime.policy.policy_file import ONNX_FILE, WEIGHTS_FILE, read_policy_file

FLOW = {"head_type": "flow", "head_options": {"hidden_dim": 32, "num_denoise_steps": 2}}
# Largest error of an action, normalised to [-1, 1]: rounding of float32; of a matrix's 11 bits; of matrices and inputs to 8 bits.
# The random policy's output layers are ten times too strong, so its errors are far above a trained policy's.
LARGEST_ERROR = {"float32": 1e-5, "float16": 2e-2, "int8": 0.3}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActionPolicy, ActionSpace, Robot]:
    """A policy that draws its actions, stored as float32."""
    folder = tmp_path_factory.mktemp("policies") / "flow"
    return (folder, *write_policy(folder, weights="float32", **FLOW))


@pytest.fixture(scope="module")
def policies(source: tuple[Path, ActionPolicy, ActionSpace, Robot], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    """The same policy in every type of weights."""
    root = tmp_path_factory.mktemp("types")
    for weights in WEIGHT_TYPES:
        export_again(read_policy_file(source[0]), root / weights, weights)
    return {weights: Policy.load(root / weights, source[3]) for weights in WEIGHT_TYPES}


def _features(seed: int) -> tuple[Features, np.ndarray]:
    rng = np.random.default_rng(seed)
    vision, audio = rng.standard_normal(2048, np.float32), rng.standard_normal(384, np.float32)
    return Features(7, vision, audio), rng.uniform(-0.5, 0.5, 14)


@pytest.mark.parametrize("weights", WEIGHT_TYPES)
def test_each_type_computes_the_exact_actions_but_for_its_rounding(
    weights: str, policies: dict[str, Policy], source: tuple[Path, ActionPolicy, ActionSpace, Robot], record_property: Any
) -> None:
    _, module, space, _ = source
    exact = copy.deepcopy(module).double()  # in float32, torch rounds as much as what is compared with it
    policy, errors = policies[weights], []
    for seed in range(20):
        features, joints = _features(seed)
        chunk = policy.act(features, joints, 7)
        inputs = (features.vision, features.audio, space.normalise_joints(joints).astype(np.float32))
        with torch.no_grad():
            expected = exact(*(torch.from_numpy(x)[None].double() for x in (*inputs, policy.noise[0])))[0].numpy()
        errors.append(np.abs(space.normalise(np.concatenate([chunk.joints, chunk.base], axis=1)) - expected).max())
        assert np.ptp(expected) > 0.1
    record_property("max_error", float(max(errors)))
    assert max(errors) < LARGEST_ERROR[weights]
    assert policy.file.weights == weights and policy.file.name == weights


def test_the_shipped_policy_keeps_its_accuracy_in_int8(tmp_path: Path, record_property: Any) -> None:
    source = read_policy_file("g1_reach")
    module = rebuild_policy(source)
    export_again(source, tmp_path / "small", "int8")
    inputs = list(policy_inputs(module, draw_noise(source), 20))
    session = open_session(tmp_path / "small" / ONNX_FILE)
    actions = np.concatenate([session.run(None, i)[0] for i in inputs])
    error = ActionError.between(actions, torch_actions(module, inputs), source.space)
    record_property("error", str(error))
    # Measured: 0.010 rad at most, 0.0008 rad on average. Where 16-bit sums overflow (see `quantised`) it is 0.16 and 0.0075 rad.
    assert error.joints_max < 0.05 and error.joints_mean < 0.003


def test_smaller_types_make_smaller_files(policies: dict[str, Policy]) -> None:
    sizes = {w: sum((p.file.folder / f).stat().st_size for f in p.file.files) for w, p in policies.items()}
    assert sizes["float16"] < 0.7 * sizes["float32"] and sizes["int8"] < 0.5 * sizes["float32"]


@pytest.mark.parametrize("weights", WEIGHT_TYPES)
def test_every_weight_of_the_graph_lies_in_the_safetensors_file(weights: str, policies: dict[str, Policy]) -> None:
    folder = policies[weights].file.folder
    graph = onnx.load(folder / ONNX_FILE, load_external_data=False).graph
    inside = [t.name for t in graph.initializer if t.data_location != onnx.TensorProto.EXTERNAL and len(t.raw_data) >= 4 * SMALL]
    assert all(not any(word in name for word in ("weight", "quantized")) for name in inside), inside
    with (folder / WEIGHTS_FILE).open("rb") as stream:
        header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
    kinds = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    assert {"float32": "F32", "float16": "F16", "int8": "U8"}[weights] in kinds


@pytest.mark.parametrize("weights", WEIGHT_TYPES)
def test_a_changed_byte_is_refused_in_every_type(weights: str, policies: dict[str, Policy], tmp_path: Path) -> None:
    for name in ("policy.yaml", ONNX_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes((policies[weights].file.folder / name).read_bytes())
    data = bytearray((tmp_path / WEIGHTS_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(PolicyError, match=f"{WEIGHTS_FILE} is corrupt or was changed"):
        read_policy_file(tmp_path)


def test_a_policy_can_be_turned_back_into_the_module_that_it_was(source: tuple[Path, ActionPolicy, ActionSpace, Robot]) -> None:
    rebuilt = rebuild_policy(read_policy_file(source[0])).state_dict()
    assert all(torch.equal(value, rebuilt[name]) for name, value in source[1].state_dict().items())


def test_int8_weights_cannot_be_turned_back(policies: dict[str, Policy], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="holds int8 weights, which cannot be turned back"):
        export_again(policies["int8"].file, tmp_path / "back", "float32")
    assert not (tmp_path / "back").exists()


def test_a_policy_that_draws_starts_from_the_documented_noise(policies: dict[str, Policy], source: Any) -> None:
    policy = policies["float32"]
    expected = np.random.default_rng(0).standard_normal((1, 16, 17), np.float32)
    assert NOISE_SEED == 0 and policy.file.noise
    np.testing.assert_array_equal(policy.noise, expected)
    features, joints = _features(0)
    first = policy.act(features, joints, 7)
    assert np.array_equal(policy.act(features, joints, 7).joints, first.joints)
    again = Policy.load(policy.file.folder, source[3])
    assert np.array_equal(again.act(features, joints, 7).joints, first.joints)
    again.noise = draw_noise(policy.file, seed=1)
    assert np.abs(again.act(features, joints, 7).joints - first.joints).max() > 1e-3


def test_a_policy_that_draws_runs_from_an_observation(policies: dict[str, Policy]) -> None:
    image, sound = np.zeros((48, 64, 3), np.uint8), np.zeros(32000, np.float32)
    chunk = policies["int8"].predict(Observation(5, image, np.zeros(14), sound))
    assert chunk.joints.shape == (16, 14) and chunk.base.shape == (16, 3)


@pytest.mark.parametrize("head", ["dit", pytest.param("ensemble", marks=pytest.mark.slow)])
def test_the_other_heads_that_draw_become_policies_too(head: str, tmp_path: Path) -> None:
    small = {"dit": {"hidden_dim": 48, "num_layers": 2, "num_heads": 3, "num_denoise_steps": 2}}
    small["ensemble"] = {"mlp_hidden": 16, "flow_hidden": 32, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3, "num_denoise_steps": 2}
    robot = load_robot("g1.yaml")
    space = ActionSpace.from_robot(robot, "arms_only")
    module = random_module(space, head_type=head, head_options=small[head], state_relative=True)
    options = {"robot": robot.name, "action_layer": module.config.to_dict(), "training": {"seed": 0}, "weights": "float32"}
    export_policy(module, tmp_path / "p", space, **options)
    policy = Policy.load(tmp_path / "p", robot)
    features, joints = _features(0)
    chunk = policy.act(features, joints, 7)
    inputs = (features.vision, features.audio, space.normalise_joints(joints).astype(np.float32))
    with torch.no_grad():
        expected = module(*(torch.from_numpy(x)[None] for x in inputs), torch.from_numpy(policy.noise))[0].numpy()
    got = space.normalise(np.concatenate([chunk.joints, chunk.base], axis=1))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_policy_that_gives_one_answer_has_no_noise(tmp_path: Path) -> None:
    _, _, robot = write_policy(tmp_path / "p")
    policy = Policy.load(tmp_path / "p", robot)
    assert policy.noise is None and not policy.file.noise
