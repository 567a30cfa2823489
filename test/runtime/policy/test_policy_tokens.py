"""A policy whose head looks at the backbone's tokens: file, and the chunk that torch computes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from tiny_backbones import HIDDEN, save_vjepa2

from neon_control.core.common.errors import PolicyError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.robot_file import load_robot
from neon_control.core.sensing.observation import Observation
from neon_control.model.action_heads import ActionHeadConfig
from neon_control.model.policy import ActionPolicy, PolicyConfig
from neon_control.runtime.encoders.backbone import BackboneOptions
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, WEIGHTS_FILE

NUM_TOKENS = 10  # the tiny V-JEPA 2 gives 4 for each of two cameras
CAMERAS = ("head", "wrist")
ROBOT = replace(load_robot("g1.yaml"), cameras=tuple(Camera(n, f"{n}/image_raw") for n in CAMERAS))
SPACE = ActionSpace.from_robot(ROBOT, "arms_only")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ActionPolicy]:
    folder = tmp_path_factory.mktemp("policies") / "tokens"
    model = save_vjepa2(folder.with_name("model"))
    one = replace(describe_model(str(model), folder), model="backbone", tokens=NUM_TOKENS)
    vision = one.looking_at(CAMERAS)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = PolicyConfig.from_action_space(
        SPACE,
        bottleneck_dim=16,
        vision_dim=2 * HIDDEN,
        use_audio=False,
        state_relative=True,
        head=ActionHeadConfig(hidden_size=2 * HIDDEN),
        head_type="flow",
        head_options={"hidden_dim": 48, "use_cross_attention": True, "cross_attention_dim": HIDDEN},
        num_tokens=NUM_TOKENS,
        token_dim=HIDDEN,
    )
    module = ActionPolicy(config).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("output.weight"):
                parameter.mul_(30.0)
    with pytest.raises(PolicyError, match=r"the module reads 10 tokens, but `vision` says 0"):
        export_policy(module, folder, SPACE, robot="g1", action_layer={}, training={}, vision=replace(vision, tokens=0))
    export_policy(module, folder, SPACE, robot=ROBOT.name, action_layer=config.to_dict(), training={}, use_audio=False, vision=vision)
    shutil.move(model, folder / "backbone")
    return folder, module


def test_tokens_of_two_cameras_become_the_chunk_that_torch_computes(written: tuple[Path, ActionPolicy]) -> None:
    folder, module = written
    policy = Policy.load(folder, ROBOT, options=BackboneOptions(device="cpu"))
    assert policy.file.vision.tokens == NUM_TOKENS and policy.file.vision.cameras == CAMERAS
    module.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    rng = np.random.default_rng(0)
    for stamp in range(2):
        clips = {name: (rng.integers(0, 256, (48, 64, 3), dtype=np.uint8),) for name in CAMERAS}
        seen = Observation.of_clips(stamp, clips, rng.normal(0.0, 0.3, 14), np.zeros(0, np.float32))
        features = policy.encode(seen)
        assert features.tokens is not None and features.tokens.shape == (NUM_TOKENS, HIDDEN) and features.token_mask is not None
        assert features.token_mask.tolist() == [1.0] * 8 + [0.0] * 2
        assert np.allclose(features.vision.reshape(2, -1), features.tokens[:8].reshape(2, 4, -1).mean(axis=1), atol=1e-5)
        arrays = (features.vision, np.zeros(384), SPACE.normalise_joints(seen.joint_positions))
        noise, tokens, mask = policy.noise, features.tokens[None], features.token_mask[None]
        with torch.no_grad():
            extra = (torch.from_numpy(x) for x in (noise, tokens, mask))
            expected = module(*(torch.tensor(x, dtype=torch.float32)[None] for x in arrays), *extra)[0].numpy()
        chunk = policy.predict(seen)
        got = SPACE.normalise(np.concatenate([chunk.joints, chunk.base], axis=1))
        np.testing.assert_allclose(got, expected, atol=1e-5)
    blind = replace(features, tokens=np.zeros_like(features.tokens))
    assert np.abs(policy.act(blind, seen.joint_positions, 0).joints - chunk.joints).max() > 1e-3, "the tokens matter"
    with pytest.raises(PolicyError, match=r"reads 10 tokens, but the features have no \['tokens', 'token_mask'\]"):
        policy.act(replace(features, tokens=None, token_mask=None), seen.joint_positions, 0)
    again = policy.act(features, seen.joint_positions, 0)
    np.testing.assert_array_equal(again.joints, chunk.joints, "what was refused leaves nothing behind")


def test_a_policy_and_a_graph_that_differ_in_tokens_are_refused(written: tuple[Path, ActionPolicy], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(written[0], tmp_path / "copy"))
    text = (copy / DESCRIPTION_FILE).read_text()
    for tokens, message in (
        (12, r"'tokens': \(10, 32\).*policy.yaml needs .*'tokens': \(12, 32\)"),
        (-1, r"vision\.tokens must be a whole number >= 0"),
    ):
        data = yaml.safe_load(text)
        data["vision"]["tokens"] = tokens
        (copy / DESCRIPTION_FILE).write_text(yaml.safe_dump(data))
        with pytest.raises(PolicyError, match=message):
            Policy.load(copy, ROBOT, options=BackboneOptions(device="cpu"))
