from pathlib import Path

import pytest

from neon_control.sim.demonstration_bag import EpisodeRecorder


def test_a_recording_that_ends_in_an_error_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    with EpisodeRecorder(tmp_path / "whole") as recorder:
        recorder.instruction(0.0, "red")
    with pytest.raises(RuntimeError), EpisodeRecorder(tmp_path / "half") as recorder:
        recorder.instruction(0.0, "red")
        raise RuntimeError
    assert [(tmp_path / name / "metadata.yaml").exists() for name in ("whole", "half")] == [True, False]
