"""What the page shows of sound."""

from __future__ import annotations

import numpy as np
import pytest

from neon_control.core.sensing.audio_buffer import SAMPLE_RATE
from neon_control.monitor.senses import spectrogram


def tone(frequency: float, seconds: float) -> np.ndarray:
    return (0.36 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


@pytest.mark.parametrize("frequency", [500.0, 1500.0, 3500.0])
def test_a_tone_is_bright_at_its_own_height(frequency: float) -> None:
    picture = spectrogram(tone(frequency, 2.0), columns=320, rows=80).astype(int).sum(axis=-1)
    assert picture.shape == (80, 320)
    row = int(picture[:, 160].argmax())
    assert (79 - row) / 79 * 4000 == pytest.approx(frequency, abs=80)


def test_time_runs_to_the_right_and_silence_is_dark() -> None:
    sound = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(1000.0, 1.0)])
    picture = spectrogram(sound, columns=320).astype(int).sum(axis=-1)
    assert picture[:, 176:304].max() > 300
    assert picture[:, :144].max() == 0
    assert spectrogram(np.zeros(0, np.float32)).max() == 0
