"""What LeRobot itself reads of a dataset, and what we read: no difference in any number, pixel or task."""

from __future__ import annotations

from pathlib import Path

import pytest
from lerobot_reading import run


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.timeout(3600)  # [s] installs LeRobot the first time
def test_lerobot_and_we_read_the_same_frames_numbers_and_pixels(tmp_path: Path) -> None:
    found = run(tmp_path, 20, (96, 128))
    assert len(found) == 4
    for words, difference in found.items():
        assert difference.frames == (40, 40), words
        assert (difference.numbers, difference.pixels, difference.tasks) == (0.0, 0, 0), words
