"""What one recorded attempt tells: who drove, how it went, who took over, what stopped the robot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bag_writer import BagWriter, make, text
from trial_bags import MONDAY, Attempt, write_attempt

from neon_control.evaluation.trial import UNKNOWN, counted, read_trial
from neon_control.recordings.bag.bag_file import BagError
from neon_control.recordings.episode import DISCARDED, FAILURE, SUCCESS

HELPED = Attempt(
    "reach", FAILURE, takeovers=((2.0, 3.5), (7.0, 12.0)), stops=((4.0, "chunk_timeout"), (8.0, "estop"), (9.0, "estop")), note="slipped"
)


def test_a_recording_says_who_drove_how_it_went_who_led_and_what_stopped_it(tmp_path: Path) -> None:
    trial = read_trial(write_attempt(tmp_path / "episode_00001", HELPED), pictures=True)
    assert (trial.policy, trial.version, trial.robot, trial.outcome, trial.note) == ("reach", "aaaaaaaa", "arm6", FAILURE, "slipped")
    assert (trial.task, trial.seconds, trial.start) == ("cube into the box", 12.0, MONDAY)
    assert (trial.takeovers, trial.led) == (2, 6.5)
    assert trial.stops == {"chunk_timeout": 1, "estop": 2}  # the three of each from before do not count
    assert len(trial.pictures) == 2 and all(data[:2] == b"\xff\xd8" for data in trial.pictures)
    assert trial.counts and not trial.succeeded


def test_an_attempt_that_was_cut_off_says_who_drove_and_has_no_outcome(tmp_path: Path) -> None:
    trial = read_trial(write_attempt(tmp_path / "episode_00001", replace(HELPED, closed=False)))
    assert (trial.policy, trial.version, trial.robot, trial.outcome) == ("reach", "", "arm6", "")
    assert trial.seconds == 12.0 and trial.takeovers == 2 and not trial.counts


def test_a_takeover_that_lasts_counts_until_the_end_and_a_latched_word_that_is_repeated_is_one(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for second, who in ((0.0, "takeover"), (1.0, "takeover"), (2.0, "policy"), (5.0, "takeover")):
            bag.write("r1/commander", second, text(who))
        bag.write("r1/sim_node/success", 9.0, make("std_msgs/msg/Bool", True))
    trial = read_trial(tmp_path / "bag")
    assert (trial.takeovers, trial.led, trial.outcome) == (2, 6.0, SUCCESS)
    assert (trial.policy, trial.robot) == (UNKNOWN, UNKNOWN)
    assert trial.succeeded and not trial.alone


def test_an_executor_that_is_started_again_counts_from_nothing(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for second, counts in enumerate(({"estop": 4}, {"estop": 5}, {}, {"estop": 1, "jump": 2})):
            values = [make("diagnostic_msgs/msg/KeyValue", f"stops/{cause}", str(n)) for cause, n in counts.items()]
            status = make("diagnostic_msgs/msg/DiagnosticStatus", 0, "executor_node", "", "", values)
            stamp = make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", 0, 0), "")
            bag.write("diagnostics", float(second), make("diagnostic_msgs/msg/DiagnosticArray", stamp, [status]))
    assert read_trial(tmp_path / "bag").stops == {"estop": 2, "jump": 2}


def test_one_name_with_two_contents_is_two_policies_and_what_was_discarded_is_none(tmp_path: Path) -> None:
    attempts = [
        Attempt("a", start=MONDAY + 9),
        Attempt("a", version="bbbbbbbb", start=MONDAY + 3),
        Attempt("b"),
        Attempt("b", DISCARDED),
    ]
    trials = [read_trial(write_attempt(tmp_path / f"episode_{i}", a)) for i, a in enumerate(attempts)]
    assert [t.policy for t in counted(trials)] == ["b", "a@bbbbbb", "a@aaaaaa"]


def test_what_is_no_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bag.mcap").write_bytes(b"nothing")
    with pytest.raises(BagError):
        read_trial(tmp_path / "bag.mcap")
