from pathlib import Path

from neon_control.demo.corrected_set import Recorded, folder_of, in_words, read_back
from neon_control.recordings.bag.bag_file import OUTCOME_KEY, TAKEOVERS_KEY
from neon_control.sim.demonstration_bag import EpisodeRecorder


def test_a_trial_is_read_back_from_its_bag_and_a_part_of_one_is_none(tmp_path: Path) -> None:
    for index, reasons in enumerate(("", "distance wrong_cube")):
        with EpisodeRecorder(folder_of(tmp_path, index)) as recorder:
            recorder.instruction(0.0, "red")
            recorder.note(OUTCOME_KEY, "success" if index else "failure")
            recorder.note(TAKEOVERS_KEY, reasons)
    assert read_back(tmp_path, 0) == Recorded(0, "failure", ())
    assert read_back(tmp_path, 1) == Recorded(1, "success", ("distance", "wrong_cube"))
    (folder_of(tmp_path, 1) / "metadata.yaml").unlink()
    assert read_back(tmp_path, 1) is None is read_back(tmp_path, 2)


def test_successes_alone_and_with_help_are_told_apart() -> None:
    trials = [Recorded(0, "success", ()), Recorded(1, "success", ("distance",)), Recorded(2, "failure", ("time", "distance"))]
    assert in_words(trials) == "3 episodes: 1 succeeded alone, 1 with help; 3 takeovers (2 distance, 1 time)"
