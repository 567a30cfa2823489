"""What the robot sees and hears."""

from __future__ import annotations

import numpy as np
import viser

from neon_control.core.robot.camera import input_name
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S, SAMPLE_RATE
from neon_control.monitor import html
from neon_control.monitor.streams import AUDIO, SILENT, Streams

MAX_WIDTH = 400  # [pixels] a larger image is thinned out: it would be scaled down in the panel
SOUND_PERIOD = 0.5  # [s] a spectrum each quarter of a second would cost more than the camera


class Senses:
    """Camera image and spectrogram; both turn grey when nothing comes any more."""

    def __init__(self, server: viser.ViserServer, streams: Streams) -> None:
        self._streams = streams
        gui = server.gui
        if len(streams.cameras) > 1:
            cameras = gui.add_dropdown("camera", streams.cameras)
            cameras.on_update(lambda event: setattr(self, "_wanted", event.target.value))
        self._wanted = streams.camera
        self._image_title = gui.add_html("")
        self._picture = gui.add_image(_blank(), format="jpeg", jpeg_quality=70)
        if streams.hears:
            self._sound_title = gui.add_html("")
            self._spectrogram = gui.add_image(_doubled(spectrogram(streams.sound)), format="jpeg", jpeg_quality=70)
        self._sound_due = 0.0
        self._drawn: dict[str, tuple[float, bool]] = {}

    def update(self, now: float) -> None:
        """See `Part`."""
        streams = self._streams
        if self._wanted != streams.camera:
            streams.look_through(self._wanted)  # here, in the page's own thread
            self._picture.image = _blank()
        name = input_name(streams.camera)
        age = streams.age(name, now)
        self._image_title.content = _title("what it sees", age)
        if streams.image is not None and self._changed(name, age, now):
            image = streams.image
            self._picture.image = _grey_if(age > SILENT, image[:: (step := -(-image.shape[1] // MAX_WIDTH)), ::step])
        if streams.hears and now >= self._sound_due:
            self._sound_due = now + SOUND_PERIOD
            age = streams.age(AUDIO, now)
            self._sound_title.content = _title("what it hears: 2 s, 0 to 4 kHz", age)
            if self._changed(AUDIO, age, now):
                self._spectrogram.image = _doubled(_grey_if(age > SILENT, spectrogram(streams.sound)))

    def _changed(self, name: str, age: float, now: float) -> bool:
        """Whether there is something to draw anew: a new message, or silence since the last look."""
        state = (round(now - age, 3), age > SILENT)
        changed, self._drawn[name] = self._drawn.get(name) != state, state
        return changed


def _blank() -> np.ndarray:
    return np.full((240, 320, 3), 60, np.uint8)


def _doubled(picture: np.ndarray) -> np.ndarray:
    """As wide as a camera image of 320 pixels."""
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def _title(text: str, age: float) -> str:
    return html.heading(f"{text}: {html.silence(age)}" if age > SILENT else text)


def _grey_if(silent: bool, picture: np.ndarray) -> np.ndarray:
    if not silent:
        return np.ascontiguousarray(picture)
    grey = picture.mean(axis=-1, keepdims=True) * 0.5 + 40.0
    return np.broadcast_to(grey, picture.shape).astype(np.uint8)


def spectrogram(sound: np.ndarray, columns: int = 160, rows: int = 40) -> np.ndarray:
    """The last 2 s of (n,) float32 in [-1, 1] at 16 kHz as (rows, columns, 3) uint8: time to the right, 4 kHz upwards, 60 dB brightness."""
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
