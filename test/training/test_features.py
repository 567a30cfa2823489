from pathlib import Path

import numpy as np
import pytest
from whole_recording import read_all

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.sensing.observation import ObservationBuilder
from neon_control.recordings.bag_recording import BagRecording
from neon_control.recordings.finding import find_recordings
from neon_control.runtime.encoders.hearing import AudioEncoder
from neon_control.runtime.encoders.registry import load_backbone
from neon_control.runtime.encoders.vision import EfficientNetLite0
from neon_control.training.building import policy_config
from neon_control.training.config import TrainConfig
from neon_control.training.feature_job import Job
from neon_control.training.features import Extraction, prepare

EFFICIENTNET = TrainConfig("a", "b").backbone_spec()


@pytest.mark.slow
def test_features_are_computed_once_and_equal_the_live_encoders(recordings: Path, space: ActionSpace) -> None:
    bags = find_recordings(recordings)
    first = prepare(bags, Job(space, 0.02, 16, EFFICIENTNET, workers=1)).arrays
    files = {f: f.stat().st_mtime_ns for f in recordings.rglob("*.safetensors")}
    second = prepare(bags, Job(space, 0.02, 16, EFFICIENTNET, workers=1)).arrays
    assert len(files) == 4 and files == {f: f.stat().st_mtime_ns for f in recordings.rglob("*.safetensors")}
    vision, audio = EfficientNetLite0(), AudioEncoder()
    for bag, one, two in zip(bags, first, second, strict=True):
        live = read_all(BagRecording(bag.path), space, 0.02, 16).samples
        assert np.allclose(one["vision"][2], vision.encode([live[2].observation.frames]).features[0], rtol=0.0, atol=1e-6)
        assert np.allclose(one["audio"][2], audio.encode(live[2].observation.audio), rtol=0.0, atol=1e-6)
        for key, shape in {"vision": (7, 2048), "audio": (7, 384), "joints": (7, 14), "actions": (7, 16, 17), "mask": (7, 16)}.items():
            assert one[key].shape == shape and one[key].dtype == np.float32, key
            assert np.array_equal(one[key], two[key]), key
        assert np.allclose(one["joints"][2], live[2].observation.joint_positions) and np.allclose(one["actions"][2], live[2].actions)


def test_a_long_table_of_problems_is_cut_and_counted() -> None:
    found = Extraction([], 0, [(f"take_{i:03d}", f"take_{i:03d}: no topic ['{'a' * i}']") for i in range(100)])
    lines = found.table().splitlines()
    assert (
        lines[0] == "100 problems in 100 recordings:"
        and lines[1] == "  take_000: no topic ['']"
        and lines[-1] == "  ... and 60 more"
        and len(lines) == 42
    )
    assert Extraction([], 7, []).table() == ""
    found = Extraction([], 0, [(f"take_{i:03d}", f"take_{i:03d}: lasts {i} s") for i in range(100)])
    assert found.table().splitlines()[1:] == ["  take_000: lasts 0 s (and in 99 more recordings)"], (
        "what differs in numbers only is one line"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_huggingface_backbone_encodes_clips_as_the_live_node_does(recordings: Path, space: ActionSpace, tmp_path: Path) -> None:
    from tiny_backbones import save_vjepa2

    config = TrainConfig("a", "b", backbone={"model": str(save_vjepa2(tmp_path / "model")), "clip": {"frames": 3, "rate_hz": 10.0}})
    spec = config.backbone_spec()
    bags = find_recordings(recordings)
    arrays = prepare(bags, Job(space, 0.02, 16, spec, workers=1)).arrays
    backbone = load_backbone(spec, Path.cwd())
    for bag, got in zip(bags, arrays, strict=True):
        live, images = (read_all(BagRecording(bag.path), space, 0.02, 16, clip).samples for clip in (spec.clip, None))
        assert len(got["vision"]) == len(live) < len(images), "there is no sample until the first clip is filled"
        for features, sample in zip(got["vision"], live, strict=True):
            assert np.allclose(features, backbone.encode([sample.observation.frames]).features[0], atol=1e-4)
        builder = ObservationBuilder(space.joint_names, use_audio=False)
        builder.cameras.look_at(spec.clip)
        for sample in images:  # the live node's buffers, filled image by image
            builder.images.add(sample.observation.stamp, sample.observation.image)
            builder.joint_states.add(sample.observation.stamp, space.joint_names, sample.observation.joint_positions)
            if sample.observation.stamp >= live[0].observation.stamp:
                observation = builder.build(sample.observation.stamp)
                same = next(s.observation for s in live if s.observation.stamp == observation.stamp)
                assert all(np.array_equal(a, b) for a, b in zip(observation.frames, same.frames, strict=True))
    assert policy_config(config, space, spec.features).vision_dim == spec.features


def test_a_backbone_without_a_model_or_with_an_unknown_field_is_refused() -> None:
    for backbone, said in (
        ({"clip": {}}, "needs 'model'"),
        ({"model": "m", "size": 3}, r"takes the fields \['model', .*unknown \['size'\]"),
    ):
        with pytest.raises(ConfigError, match=r"TrainConfig\.backbone " + said):
            TrainConfig("a", "b", backbone=backbone).backbone_spec()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        find_recordings(tmp_path)
