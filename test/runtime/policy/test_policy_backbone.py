"""A policy whose features come from a Hugging Face backbone: written, read back, run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from policies import random_module
from tiny_backbones import HIDDEN, TINY

from neon_control.core.common.errors import PolicyError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.core.sensing.observation import Observation
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.backbone import BackboneOptions, BackboneSpec
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, WEIGHTS_FILE, read_policy_file

CPU = BackboneOptions(device="cpu")
ROBOT: Robot = load_robot("g1.yaml")
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")


def write(folder: Path, family: str, **how: Any) -> tuple[ActionPolicy, BackboneSpec]:
    """A policy, and its backbone in a folder inside."""
    model = TINY[family](folder.with_name("model"))
    spec = replace(describe_model(str(model), folder, **how), model="backbone")
    torch.manual_seed(0)
    head = ActionHeadConfig(hidden_size=HIDDEN, mlp_hidden=24)
    module = ActionPolicy(PolicyConfig.from_action_space(SPACE, bottleneck_dim=16, vision_dim=HIDDEN, use_audio=False, head=head)).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("output.weight"):
                parameter.mul_(10.0)
    config = module.config.to_dict()
    export_policy(module, folder, SPACE, robot=ROBOT.name, action_layer=config, training={}, use_audio=False, vision=spec)
    shutil.move(model, folder / "backbone")
    return module, spec


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActionPolicy, BackboneSpec]:
    folder = tmp_path_factory.mktemp("policies") / "tiny"
    return (folder, *write(folder, "qwen2_5_omni", clip=Clip(4, 8.0), instruction="reach", audio=True))


@pytest.fixture
def copy(written: tuple[Path, ActionPolicy, BackboneSpec], tmp_path: Path) -> Path:
    return Path(shutil.copytree(written[0], tmp_path / "copy"))


def test_the_block_vision_is_read_back_as_it_was_written(written: tuple[Path, ActionPolicy, BackboneSpec]) -> None:
    folder, _, spec = written
    assert read_policy_file(folder).vision == spec
    block = yaml.safe_load((folder / DESCRIPTION_FILE).read_text())["vision"]
    assert block["clip"] == {"frames": 4, "rate_hz": 8.0} and block["audio"] is True and "max_pixels" not in block


def test_a_policy_for_efficientnet_is_described_as_ever(tmp_path: Path) -> None:
    export_policy(random_module(SPACE), tmp_path / "p", SPACE, robot="g1", action_layer={}, training={})
    block = yaml.safe_load((tmp_path / "p" / DESCRIPTION_FILE).read_text())["vision"]
    expected = {"encoder": "efficientnet_lite0", "revision": vision_revision(), "features": VISION_FEATURES, "fit": "stretch"}
    assert block == expected


def test_observations_become_the_chunks_that_torch_computes(written: tuple[Path, ActionPolicy, BackboneSpec]) -> None:
    folder, module, _ = written
    policy = Policy.load(folder, ROBOT, options=CPU)
    assert policy.uses_audio, "the backbone listens, though the policy has no ear of its own"
    module.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    rng = np.random.default_rng(0)
    chunks = []
    for stamp in range(2):
        clip = tuple(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(4))
        sound = rng.normal(0.0, 0.1, 32000).astype(np.float32)
        observation = Observation(stamp, clip[-1], rng.normal(0.0, 0.3, 14), sound, clip)
        features = policy.encode(observation)
        assert features.vision.shape == (HIDDEN,)
        inputs = (features.vision, np.zeros(384), SPACE.normalise_joints(observation.joint_positions))
        with torch.no_grad():
            expected = module(*(torch.tensor(x, dtype=torch.float32)[None] for x in inputs))[0].numpy()
        chunk = policy.predict(observation)
        got = SPACE.normalise(np.concatenate([chunk.joints, chunk.base], axis=1))
        np.testing.assert_allclose(got, expected, atol=1e-5)
        chunks.append(got)
    assert np.abs(chunks[0] - chunks[1]).max() > 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(features=64), rf"hidden size is {HIDDEN}, but the policy was trained with 64 features"),
        (lambda v: v.update(revision="0"), rf"revision 0, {HIDDEN} features; this installation has huggingface, revision"),
        (lambda v: v.update(encoder="eye"), r"encoder 'eye' is unknown; there are \['efficientnet_lite0', 'huggingface'"),
        (lambda v: v["files"].update({"model.safetensors": "00"}), r"model\.safetensors is corrupt or was changed: .* expected 00"),
        (lambda v: v.update(model="gone"), r"there is no folder .*gone"),
        (lambda v: v.update(model=3), r"vision\.model must be a text, got 3"),
        (lambda v: v.update(clip=4), r"vision\.clip must be a mapping, got 4"),
        (lambda v: v["clip"].update(frames=0), r"vision\.clip\.frames must be a whole number >= 1, got 0"),
        (lambda v: v["clip"].update(fps=3), r"vision\.clip takes the fields \['frames', 'rate_hz'\]; unknown \['fps'\]"),
        (lambda v: v.update(audio="yes"), r"vision\.audio must be true or false, got 'yes'"),
        (lambda v: v.update(features="many"), r"vision\.features must be a whole number >= 1, got 'many'"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused_with_both_sides(
    change: Callable[[dict[str, Any]], object], message: str, copy: Path
) -> None:
    data = yaml.safe_load((copy / DESCRIPTION_FILE).read_text())
    change(data["vision"])
    (copy / DESCRIPTION_FILE).write_text(yaml.safe_dump(data))
    with pytest.raises(PolicyError, match=message):
        Policy.load(copy, ROBOT, options=CPU)


def test_a_backbone_as_wide_as_policy_yaml_says_but_not_as_the_graph_is_refused(written: tuple[Path, Any, Any], copy: Path) -> None:
    """The graph was copied from a policy with another backbone, and policy.yaml was made to agree with its hash."""
    other = copy.with_name("other")
    export_policy(random_module(SPACE, use_audio=False), other, SPACE, robot="g1", action_layer={}, training={}, use_audio=False)
    data, foreign = (yaml.safe_load((p / DESCRIPTION_FILE).read_text()) for p in (copy, other))
    for name in foreign["files"]:
        shutil.copy(other / name, copy / name)
    (copy / DESCRIPTION_FILE).write_text(yaml.safe_dump({**data, "files": foreign["files"]}))
    with pytest.raises(PolicyError, match=rf"'vision': \(2048,\).*policy.yaml needs .*'vision': \({HIDDEN},\)"):
        Policy.load(copy, ROBOT, options=CPU)
