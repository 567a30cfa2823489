"""Keys and services do the same, and a note is what was typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from neon_control.recordings.bag.bag_file import Bag
from neon_control.recordings.episode import RECORDING
from neon_control.replay.episode_recorder import EpisodeRecorder
from neon_control.replay.episode_services import KEYS, EpisodeServices

pytestmark = pytest.mark.system
Desk = tuple[EpisodeServices, EpisodeRecorder, list[str]]


@pytest.fixture
def desk(ros: int, tmp_path: Path) -> Iterator[Desk]:
    node, lines = Node("recorder"), list[str]()
    recorder = EpisodeRecorder(node, tmp_path / "trials", ["joint_states"], [], "arm6", lambda text: None)
    yield EpisodeServices(node, recorder, lines.append, {**KEYS, "success": "1"}), recorder, lines
    recorder.close()
    node.destroy_node()
    rclpy.try_shutdown()


def test_keys_begin_and_end_an_episode_and_all_that_was_typed_at_once_counts(desk: Desk, tmp_path: Path) -> None:
    services, recorder, _ = desk
    services.poll("b")
    assert recorder.episode.state == RECORDING
    services.poll("s")  # its key is another one
    assert recorder.episode.state == RECORDING
    services.poll("1bf")
    assert recorder.episode.outcome == "failure" and recorder.episode.number == 2
    with Bag(tmp_path / "trials" / "episode_00001") as bag:
        assert bag.custom["outcome"] == "success"


def test_a_note_is_typed_letter_by_letter_mended_with_backspace_and_given_up_with_escape(desk: Desk) -> None:
    services, recorder, lines = desk
    services.poll("bnfail")  # letters of a note are no keys
    services.poll("s\x7fed\r")
    assert recorder.episode.note == "failed"
    assert recorder.episode.state == RECORDING
    services.poll("nsomething\x1b")
    assert recorder.episode.note == "failed"
    services.poll("f")
    assert lines[-1] == "episode_00001: failure (failed)"


def test_what_is_not_possible_is_said_and_changes_nothing(desk: Desk) -> None:
    services, recorder, lines = desk
    assert services.act("success") == (False, "no episode is being recorded; begin one first")
    assert "no episode" in lines[-1] and recorder.episode.number == 0


def test_a_note_is_one_line_of_bounded_length(desk: Desk) -> None:
    services, recorder, _ = desk
    recorder.begin()
    services.poll("n" + "x" * 5000 + "\r")
    assert len(recorder.episode.note) == 2000
