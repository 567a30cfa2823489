from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError
from neon_control.core.observation import Clip, ObservationBuilder
from neon_control.runtime.backbones.backbone import BackboneSpec
from neon_control.runtime.backbones.efficientnet_lite0 import EfficientNetLite0
from neon_control.runtime.backbones.registry import load_backbone
from neon_control.runtime.hearing import AudioEncoder
from neon_control.training.building import build_policy
from neon_control.training.config import TrainConfig
from neon_control.training.features import encode_recording, find_recordings, prepare, sample_key
from neon_control.training.recordings import read_samples


@pytest.mark.slow
def test_features_are_computed_once_and_equal_the_live_encoders(recordings: Path, space: ActionSpace) -> None:
    bags = find_recordings(recordings)
    first = prepare(bags, space, 0.02, 16, workers=1)
    files = {b: next(b.glob("samples-*.safetensors")).stat().st_mtime_ns for b in bags}
    second = prepare(bags, space, 0.02, 16, workers=1)
    assert files == {b: next(b.glob("samples-*.safetensors")).stat().st_mtime_ns for b in bags}
    vision, audio = EfficientNetLite0(), AudioEncoder()
    for bag, one, two in zip(bags, first, second, strict=True):
        live = read_samples(bag, space, 0.02, 16)
        assert np.allclose(one["vision"][2], vision.encode([live[2].observation.frames]).features[0], atol=1e-5)
        assert np.allclose(one["audio"][2], audio.encode(live[2].observation.audio), atol=1e-5)
        for key, values in encode_recording(bag, vision, audio, space, 0.02, 16).items():
            assert np.allclose(one[key], values, atol=1e-5), key
            assert np.array_equal(one[key], two[key]), key


def test_the_key_changes_with_everything_that_decides_a_sample(space: ActionSpace) -> None:
    keys = {sample_key(space, 0.02, 16), sample_key(space, 0.05, 16), sample_key(space, 0.02, 8)}
    other = ActionSpace(space.mode, space.joint_names[::-1], space.groups, space.lower, space.upper)
    assert len(keys | {sample_key(other, 0.02, 16)}) == 4
    specs = [BackboneSpec("huggingface", "a", 8, model="m", instruction=text, clip=Clip(n, 4.0)) for text in ("", "go") for n in (1, 4)]
    models = {sample_key(space, 0.02, 16, vision=spec) for spec in specs}
    assert len(keys | models) == 7
    moved = replace(specs[0], model="elsewhere")
    assert sample_key(space, 0.02, 16, vision=moved) in models, "where the model lies changes nothing"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_huggingface_backbone_encodes_clips_as_the_live_node_does(recordings: Path, space: ActionSpace, tmp_path: Path) -> None:
    from tiny_backbones import save_vjepa2

    config = TrainConfig("a", "b", backbone={"model": str(save_vjepa2(tmp_path / "model")), "clip": {"frames": 3, "rate_hz": 10.0}})
    spec = config.backbone_spec()
    bags = find_recordings(recordings)
    arrays = prepare(bags, space, 0.02, 16, 1, vision=spec)
    backbone = load_backbone(spec, Path.cwd())
    for bag, got in zip(bags, arrays, strict=True):
        live, images = read_samples(bag, space, 0.02, 16, spec.clip), read_samples(bag, space, 0.02, 16)
        assert len(got["vision"]) == len(live) < len(images), "there is no sample until the first clip is filled"
        for features, sample in zip(got["vision"], live, strict=True):
            assert np.allclose(features, backbone.encode([sample.observation.frames]).features[0], atol=1e-4)
        builder = ObservationBuilder(space.joint_names, use_audio=False, clip=spec.clip)
        for sample in images:  # the live node's buffers, filled image by image
            builder.images.add(sample.observation.stamp, sample.observation.image)
            builder.joint_states.add(sample.observation.stamp, space.joint_names, sample.observation.joint_positions)
            if sample.observation.stamp >= live[0].observation.stamp:
                observation = builder.build(sample.observation.stamp)
                same = next(s.observation for s in live if s.observation.stamp == observation.stamp)
                assert all(np.array_equal(a, b) for a, b in zip(observation.frames, same.frames, strict=True))
    assert build_policy(config, space, spec.features).config.vision_dim == spec.features


def test_a_backbone_without_a_model_or_with_an_unknown_field_is_refused() -> None:
    for backbone in ({"clip": {}}, {"model": "m", "size": 3}):
        with pytest.raises(ConfigError, match=r"TrainConfig\.backbone needs 'model', and takes"):
            TrainConfig("a", "b", backbone=backbone).backbone_spec()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        find_recordings(tmp_path)
