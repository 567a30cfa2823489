"""What a bag says of an attempt, by its metadata or by its messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from bag_writer import BagWriter, text
from hypothesis import given
from hypothesis import strategies as st

from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.episode import RECORDING, SUCCESS, Episode, episode_of, is_state, read_episode

WHOLE = st.integers(0, 2**62)


@given(st.text(), st.text(), st.text(), WHOLE, WHOLE)
def test_what_is_said_reads_back_as_it_was_said(note: str, task: str, policy: str, number: int, begin: int) -> None:
    said = Episode(RECORDING, number, SUCCESS, task, note, policy, "arm6", True, begin)
    assert read_episode(said.to_json()) == said


@pytest.mark.parametrize("words", ["", "[]", "{}", '{"state": 3}', "[" * 100_000, '{"state": "idle"'])
def test_what_is_no_state_is_none(words: str) -> None:
    assert read_episode(words) is None


def test_fields_of_another_edition_are_passed_over() -> None:
    assert read_episode('{"state": "idle", "mood": "good", "number": "two", "outcome": "success"}') == Episode(outcome=SUCCESS)


def test_the_last_message_counts_where_there_is_no_metadata_and_an_ordinary_bag_is_no_episode(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "cut") as bag:
        bag.write("r1/episode/state", 0.0, text(Episode(RECORDING, 3).to_json()))
        bag.write("r1/episode/state", 1.0, text(Episode(number=3, outcome=SUCCESS).to_json()))
        bag.write("r1/episode/state", 2.0, text("damaged"))
    with BagWriter(tmp_path / "other") as bag:
        bag.write("instruction", 0.0, text("go"))
    with Bag(tmp_path / "cut") as cut, Bag(tmp_path / "other") as other:
        found = episode_of(cut)
        assert found is not None and found.outcome == SUCCESS
        assert episode_of(other) is None


def test_the_topic_is_known_in_any_namespace_and_not_by_a_part_of_its_name() -> None:
    kind = "std_msgs/msg/String"
    assert is_state("/r1/episode/state", kind) and is_state("episode/state", kind)
    assert not is_state("/my_episode/state", kind) and not is_state("/episode/state", "std_msgs/msg/Bool")
