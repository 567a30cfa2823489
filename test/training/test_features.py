from pathlib import Path

import numpy as np
import pytest

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError
from neon_control.runtime.hearing import AudioEncoder
from neon_control.runtime.vision import VisionEncoder
from neon_control.training.features import encode_recording, find_recordings, prepare, sample_key
from neon_control.training.recordings import read_samples


@pytest.mark.slow
def test_features_are_computed_once_and_equal_the_live_encoders(recordings: Path, space: ActionSpace) -> None:
    bags = find_recordings(recordings)
    first = prepare(bags, space, 0.02, 16, workers=1)
    files = {b: next(b.glob("samples-*.safetensors")).stat().st_mtime_ns for b in bags}
    second = prepare(bags, space, 0.02, 16, workers=1)
    assert files == {b: next(b.glob("samples-*.safetensors")).stat().st_mtime_ns for b in bags}
    vision, audio = VisionEncoder(), AudioEncoder()
    for bag, one, two in zip(bags, first, second, strict=True):
        live = read_samples(bag, space, 0.02, 16)
        assert np.allclose(one["vision"][2], vision.encode(live[2].observation.image), atol=1e-5)
        assert np.allclose(one["audio"][2], audio.encode(live[2].observation.audio), atol=1e-5)
        for key, values in encode_recording(bag, vision, audio, space, 0.02, 16).items():
            assert np.allclose(one[key], values, atol=1e-5), key
            assert np.array_equal(one[key], two[key]), key


def test_the_key_changes_with_everything_that_decides_a_sample(space: ActionSpace) -> None:
    keys = {sample_key(space, 0.02, 16), sample_key(space, 0.05, 16), sample_key(space, 0.02, 8)}
    other = ActionSpace(space.mode, space.joint_names[::-1], space.groups, space.lower, space.upper)
    assert len(keys | {sample_key(other, 0.02, 16)}) == 4


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        find_recordings(tmp_path)
