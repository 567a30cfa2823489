"""What the robot sees and hears."""

from __future__ import annotations

import numpy as np
import viser

from neon_control.tools.monitor import html
from neon_control.tools.monitor.sound import spectrogram
from neon_control.tools.monitor.streams import Streams

MAX_WIDTH = 400  # [pixels] a larger image is thinned out: it would be scaled down in the panel
SILENT = 1.0  # [s]


class Senses:
    """Camera image and spectrogram; both turn grey when nothing comes any more."""

    def __init__(self, server: viser.ViserServer, streams: Streams) -> None:
        self._streams = streams
        gui = server.gui
        self._see = gui.add_html("")
        self._camera = gui.add_image(np.full((240, 320, 3), 60, np.uint8), format="jpeg", jpeg_quality=70)
        self._hear = gui.add_html("")
        self._spectrogram = gui.add_image(_twice(spectrogram(streams.sound)), format="jpeg", jpeg_quality=70)
        self._drawn: dict[str, tuple[float | None, bool]] = {}

    def update(self, now: float) -> None:
        """Show the newest image and sound; `now` [s] monotonic."""
        ages, image = self._streams.ages(now), self._streams.image
        self._see.content = _title("what it sees", ages["camera"])
        self._hear.content = _title("what it hears: 2 s, 0 to 4 kHz", ages["audio"])
        if image is not None and self._changed("camera", ages["camera"], now):
            self._camera.image = _grey_if(_silent(ages["camera"]), image[:: (step := -(-image.shape[1] // MAX_WIDTH)), ::step])
        if self._changed("audio", ages["audio"], now):
            self._spectrogram.image = _twice(_grey_if(_silent(ages["audio"]), spectrogram(self._streams.sound)))

    def _changed(self, name: str, age: float | None, now: float) -> bool:
        """Whether there is something to draw anew: a new message, or silence since the last look."""
        state = (None if age is None else round(now - age, 3), _silent(age))
        changed, self._drawn[name] = self._drawn.get(name) != state, state
        return changed


def _twice(picture: np.ndarray) -> np.ndarray:
    """As wide as a camera image of 320 pixels."""
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def _silent(age: float | None) -> bool:
    return age is None or age > SILENT


def _title(text: str, age: float | None) -> str:
    return html.heading(f"{text}: {html.silence(age)}" if _silent(age) else text)


def _grey_if(silent: bool, picture: np.ndarray) -> np.ndarray:
    if not silent:
        return np.ascontiguousarray(picture)
    grey = picture.mean(axis=-1, keepdims=True) * 0.5 + 40.0
    return np.broadcast_to(grey, picture.shape).astype(np.uint8)
