"""What is heard, as a picture and as a file."""

from __future__ import annotations

import io
import wave

import numpy as np

from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE


def spectrogram(sound: np.ndarray, columns: int = 160, rows: int = 40) -> np.ndarray:
    """The last 2 s of sound as a picture (rows, columns, 3) uint8: time to the right, 0 to 4 kHz upwards, 60 dB of brightness.

    Args:
        sound: (n,) float32 in [-1, 1] at 16 kHz.
    """
    frame, window = 512, round(AUDIO_WINDOW_S * SAMPLE_RATE)
    signal = np.zeros(window + frame, np.float32)
    if len(sound):
        tail = sound[-window:]
        signal[len(signal) - len(tail) :] = tail
    starts = np.linspace(0, window, columns).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(signal, frame)[starts] * np.hanning(frame).astype(np.float32)
    bins = np.linspace(frame // 4 - 1, 0, rows).astype(int)  # up to 4 kHz
    power = np.abs(np.fft.rfft(frames)[:, bins])  # (columns, rows)
    grey = np.clip((20.0 * np.log10(power + 1e-6) + 40.0) / 60.0, 0.0, 1.0).T  # (rows, columns)
    return (255 * np.stack([np.sqrt(grey), grey**2, grey * (1.0 - grey)], axis=-1)).astype(np.uint8)


def wav(sound: np.ndarray) -> bytes:
    """A WAV file of mono samples, float32 in [-1, 1] at 16 kHz."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return stream.getvalue()
