"""Images out of mp4 files and into them, with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import lfs_hint
from neon_control.recordings.observer import UNSEEN
from neon_control.recordings.reading import Report

# H.264 decodes everywhere; a key frame every other image lets a reader jump to any of them. AV1 would be smaller and slower.
CODEC, CODEC_NAME, PIXELS, OPTIONS = "libx264", "h264", "yuv420p", {"crf": "18", "g": "2", "preset": "veryfast"}


def frames_at(path: Path, times: np.ndarray, tolerance: float, report: Report) -> Iterator[np.ndarray | None]:
    """For each of `times` (T,) [s, rising] the image (H, W, 3) uint8 RGB of that time; None where none is nearer than `tolerance` [s].

    A file that is damaged or missing gives what can be decoded, and a problem.
    """
    left = list(times)
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if times[0] > 0.0:
                container.seek(max(0, round((times[0] - tolerance) / stream.time_base)), stream=stream)  # to the key frame before it
            for frame in container.decode(stream):
                if frame.time is None:
                    continue
                while left and left[0] < frame.time - tolerance:
                    left.pop(0)
                    yield None
                if left and left[0] <= frame.time + tolerance:
                    left.pop(0)
                    yield frame.to_ndarray(format="rgb24")
                if not left:  # asked here, so that no frame is decoded for nobody
                    return
    except (av.error.FFmpegError, OSError, IndexError) as error:
        absent = isinstance(error, FileNotFoundError)
        what = "is not there" if absent else f"cannot be decoded to its end: {lfs_hint(path) or f'{type(error).__name__}: {error}'}"
        report.add("/".join(path.parts[-4:]), None, what, "video")
    yield from (None for _ in left)


def chosen_frames(
    path: Path, times: np.ndarray, tolerance: float, report: Report, chosen: np.ndarray | None
) -> Iterator[np.ndarray | None]:
    """As `frames_at`, but `UNSEEN` for times (T,) that are not `chosen`: what lies between them is jumped over. None chooses all."""
    if chosen is None or chosen.all():
        yield from frames_at(path, times, tolerance, report)
        return
    rows, done = np.flatnonzero(chosen), 0
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(run):
            yield from (UNSEEN for _ in range(run[0] - done))
            yield from frames_at(path, times[run], tolerance, report)
            done = run[-1] + 1
    yield from (UNSEEN for _ in range(len(times) - done))


def frame_rate(path: Path) -> float | None:
    """[Hz] of a video, as its file says; None where it does not, or cannot be read."""
    try:
        with av.open(str(path)) as container:
            rate = container.streams.video[0].average_rate
            return float(rate) if rate else None
    except (av.error.FFmpegError, OSError, IndexError):
        return None


def codec_of(path: Path) -> str:
    """The name of a video's codec, such as h264 or av1; "unknown" where it cannot be read."""
    try:
        with av.open(str(path)) as container:
            return str(container.streams.video[0].codec_context.name)
    except (av.error.FFmpegError, OSError, IndexError):
        return "unknown"


class VideoWriter:
    """One mp4 file of images at `fps` [Hz]; complete when it is closed.

    Attributes:
        frames, bytes: that were given; that were encoded, which is some frames later.

    Raises:
        ConfigError: the `size` (height, width) of the images is odd, which the codec's pixel format does not have.
    """

    def __init__(self, path: Path, fps: int, size: tuple[int, int]) -> None:
        height, width = size
        if height % 2 or width % 2:
            raise ConfigError(f"a video needs an even width and height, the images are {width} x {height}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.frames = self.bytes = 0
        self._container = av.open(str(path), "w")
        add: Any = self._container.add_stream  # whose type covers sound and subtitles, too
        self._stream = stream = add(CODEC, rate=fps, options=OPTIONS)
        stream.height, stream.width, stream.pix_fmt = height, width, PIXELS
        self._stream.codec_context.time_base = self._period = Fraction(1, fps)  # [s]

    def add(self, image: np.ndarray) -> None:
        """Append an image (H, W, 3) uint8 RGB."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self.frames, self._period
        for packet in self._stream.encode(frame):
            self.bytes += packet.size
            self._container.mux(packet)
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()
