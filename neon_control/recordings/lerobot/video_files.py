"""The mp4 files of one camera in a dataset of version 3.0: episodes share them, and a large one is followed by another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.recordings.lerobot.video import VideoWriter


class VideoFiles:
    """Written one after the other.

    Attributes:
        size: (height, width) of all images; None before the first one.
        number: of the file that is being written, from 0.
        start: [s] where the episode begins in it.

    Args:
        path_of: a file's number -> its path.
        fps: [Hz]
        most: [bytes] from which on an episode begins another file.
    """

    def __init__(self, camera: str, path_of: Callable[[int], Path], fps: int, most: int) -> None:
        self._camera, self._path_of, self._fps, self._most = camera, path_of, fps, most
        self._writer: VideoWriter | None = None
        self.size: tuple[int, int] | None = None
        self.number, self.start = -1, 0.0

    def add(self, image: np.ndarray, begins: bool) -> None:
        """An image (H, W, 3) uint8 RGB; `begins`: the first one of an episode.

        Raises:
            ConfigError: its size is another one than that of those before, or odd.
        """
        height, width = image.shape[:2]
        if self.size is not None and (height, width) != self.size:
            was = f"{self.size[1]} x {self.size[0]}"
            raise ConfigError(f"{self._camera}: images of {width} x {height} pixels after some of {was}: one dataset, one size")
        self.size = height, width
        if self._writer is None or (begins and self._writer.bytes > self._most):
            self.close()
            self.number += 1
            self._writer = VideoWriter(self._path_of(self.number), self._fps, self.size)
        if begins:
            self.start = self._writer.frames / self._fps
        self._writer.add(image)

    def close(self) -> None:
        """Finish the last file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
