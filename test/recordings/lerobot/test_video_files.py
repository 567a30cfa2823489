"""The files of a camera: one size, and another file where one is large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.recordings.lerobot.video_files import VideoFiles

FPS = 10


def test_a_camera_whose_images_change_their_size_is_refused(tmp_path: Path) -> None:
    files = VideoFiles("wrist", lambda number: tmp_path / f"{number}.mp4", FPS, 1)
    files.add(np.zeros((24, 32, 3), np.uint8), begins=True)
    with pytest.raises(ConfigError, match="wrist: images of 48 x 32 pixels after some of 32 x 24"):
        files.add(np.zeros((32, 48, 3), np.uint8), begins=True)
    files.close()


def test_an_episode_begins_another_file_where_the_last_one_is_large(tmp_path: Path) -> None:
    files = VideoFiles("wrist", lambda number: tmp_path / f"{number}.mp4", FPS, 1)
    starts = []
    for frames in (2, 60, 3):  # the encoder has given nothing of two frames yet
        for frame in range(frames):
            files.add(np.zeros((24, 32, 3), np.uint8), begins=frame == 0)
        starts.append((files.number, files.start))
    files.close()
    assert starts == [(0, 0.0), (0, 2 / FPS), (1, 0.0)]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0.mp4", "1.mp4"]
