"""Heads that cannot be exported: the same policy folder without a graph, run in torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from neon_control.core.common.errors import PolicyError
from neon_control.core.common.registry import import_plugins
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot_file import load_robot
from neon_control.model.action_heads import factory
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.action_layer import BACKENDS
from neon_control.runtime.policy.policy import Features, Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, ONNX_FILE, read_policy_file
from neon_control.runtime.policy.torch_action_layer import TorchActionLayer, rebuild_policy

ROBOT = load_robot("g1.yaml")
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")
PLUGIN = "own_head"


@pytest.fixture(scope="module", autouse=True)
def _own_head() -> Iterator[None]:
    with mock.patch.dict(factory._REGISTRY):  # other tests go through all heads that are registered
        import_plugins([PLUGIN])
        yield


@pytest.fixture(scope="module")
def module(_own_head: None) -> ActionPolicy:
    torch.manual_seed(0)
    return ActionPolicy(PolicyConfig.from_action_space(SPACE, bottleneck_dim=32, head_type="settling")).eval()


def export(module: nn.Module, folder: Path, backend: str, weights: str = "float32") -> Path:
    export_policy(
        module,
        folder,
        SPACE,
        robot=ROBOT.name,
        action_layer=module.config.to_dict(),
        training={},
        backend=backend,
        weights=weights,
    )
    return folder


@pytest.fixture(scope="module")
def folder(module: ActionPolicy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(module, tmp_path_factory.mktemp("policies") / "own", "torch")


def test_a_head_that_cannot_be_exported_runs_in_torch(module: ActionPolicy, folder: Path) -> None:
    with pytest.raises(PolicyError, match=r"cannot export ActionPolicy: .*`backend: torch`"):
        export(module, folder.parent / "graph", "onnx")
    assert not (folder / ONNX_FILE).exists()
    policy = Policy.load(folder, ROBOT, BackboneOptions(device="cpu"))
    rng = np.random.default_rng(0)
    features = Features(1, rng.normal(size=2048).astype(np.float32), rng.normal(size=384).astype(np.float32))
    joints = rng.normal(0.0, 0.2, SPACE.num_joints)
    chunk = policy.act(features, joints, 5)
    normalised = torch.from_numpy(SPACE.normalise_joints(joints).astype(np.float32))[None]
    with torch.no_grad():
        expected = module(torch.from_numpy(features.vision)[None], torch.from_numpy(features.audio)[None], normalised)[0].numpy()
    np.testing.assert_allclose(np.hstack([chunk.joints, chunk.base]), SPACE.denormalise(expected.astype(np.float64)), atol=1e-6)
    assert chunk.stamp == 5


@pytest.mark.timeout(60)
def test_without_its_module_an_own_head_is_refused_with_advice_and_with_it_it_loads(folder: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from neon_control.core.common.errors import PolicyError
from neon_control.core.common.registry import import_plugins
from neon_control.core.common.registry import import_plugins
from neon_control.runtime.policy.policy_file import read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy
try:
    rebuild_policy(read_policy_file({str(folder)!r}))
except PolicyError as error:
    print(error)
import_plugins(["", {PLUGIN!r}])
print(type(rebuild_policy(read_policy_file({str(folder)!r})).head).__name__)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "unknown head type 'settling'" in said and "`plugins`" in said
    assert "SettlingHead" in said


def test_what_cannot_be_is_refused(module: ActionPolicy, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="int8 weights need a graph"):
        export(module, tmp_path / "int8", "torch", "int8")
    with pytest.raises(PolicyError, match=f"one of .*{BACKENDS[0]}"):
        export(module, tmp_path / "other", "tensorflow")
    description = folder / DESCRIPTION_FILE
    text = description.read_text()
    try:
        description.write_text(yaml.safe_dump({**yaml.safe_load(text), "backend": "jax"}))
        with pytest.raises(PolicyError, match=r"backend must be one of .*got 'jax'"):
            Policy.load(folder, ROBOT)
        for sizes, message in (
            ({"bottleneck_dim": 10**12}, "action_layer.bottleneck_dim must be at most 65536, got 1000000000000"),
            ({"bottleneck_dim": 60_000}, "action_layer: describes .* numbers, but action_layer.safetensors has only"),
        ):
            data = yaml.safe_load(text)
            data["action_layer"] |= sizes
            description.write_text(yaml.safe_dump(data))
            with pytest.raises(PolicyError, match=message):
                rebuild_policy(read_policy_file(folder))
    finally:
        description.write_text(text)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CUDA graphs")
@pytest.mark.parametrize("batch", [1, 16, 64])
@pytest.mark.parametrize("head", ["chunking", "flow", "dit", "ensemble"])
def test_a_captured_graph_gives_what_torch_gives_and_follows_its_inputs(head: str, batch: int) -> None:
    torch.manual_seed(0)
    config = PolicyConfig.from_action_space(SPACE, bottleneck_dim=32, head_type=head)
    reference = ActionPolicy(config).eval()
    layer = TorchActionLayer(ActionPolicy(config), torch.device("cuda"))
    layer._module.load_state_dict(reference.state_dict())
    rng = np.random.default_rng(0)
    for _ in range(3):
        inputs = {
            "vision": rng.normal(size=(batch, 2048)).astype(np.float32),
            "audio": rng.normal(size=(batch, 384)).astype(np.float32),
            "proprioception": rng.normal(size=(batch, SPACE.num_joints)).astype(np.float32),
        }
        if reference.draws:
            inputs["noise"] = rng.normal(size=(batch, 16, SPACE.dim)).astype(np.float32)
        with torch.no_grad():
            expected = reference(**{k: torch.from_numpy(v) for k, v in inputs.items()}).numpy()
        np.testing.assert_allclose(layer.run(inputs), expected, atol=2e-3)  # TF32 is off by default; sums in another order
