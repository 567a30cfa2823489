"""Lists of episodes: what they name, what they leave, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from bag_writer import BagWriter, joint_state
from lerobot_set import write_set
from test_finding import SPACE, write_ramp

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.recordings.chosen import ChosenEpisodes, Entry, chosen, names_of, write_list
from neon_control.recordings.finding import find_recordings
from neon_control.recordings.reading import Recording


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    for name in ("monday/take_1", "monday/take_2", "tuesday/take_1"):
        with BagWriter(tmp_path / name) as bag:
            bag.write("joint_states", 0.0, joint_state(0.0, ("a",), [0.0]))
    write_set(tmp_path / "set")
    return find_recordings(tmp_path)


def left(recordings: list[Recording], file: Path, text: str) -> list[str]:
    file.write_text(text)
    kept, _ = chosen(recordings, str(file))
    names = dict(zip(map(id, recordings), names_of(recordings), strict=True))
    return [names[id(r)] for r in kept]


def test_a_recording_is_called_by_as_much_of_its_path_as_tells_it_from_the_others(recordings: list[Recording]) -> None:
    assert names_of(recordings) == ["monday/take_1", "take_2", "set/episode_000000", "set/episode_000001", "tuesday/take_1"]


def test_a_list_excludes_or_includes_by_name_path_or_pattern(recordings: list[Recording], tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    out = "exclude:\n- {recording: take_2, reason: nothing moves}\n- set/episode_000001 # a note\n"
    assert left(recordings, file, out) == ["monday/take_1", "set/episode_000000", "tuesday/take_1"]
    assert chosen(recordings, str(file))[1] == f"{file} leaves out 2 of 5 recordings"
    assert left(recordings, file, "include: [set/episode_*, monday/take_1]") == [
        "monday/take_1",
        "set/episode_000000",
        "set/episode_000001",
    ]
    assert len(left(recordings, file, "exclude: []")) == 5 and chosen(recordings, "") == (recordings, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exclude: [take_3]", "exclude[0] names 'take_3', which is none of the 5 recordings; did you mean take_2?"),
        ("exclude: [take_1]", "exclude[0] names 'take_1', which are several recordings: "),
        ("exclude: ['*', '*/*']", "leaves none of the 5 recordings"),
        ("exclude: []\ninclude: []", "needs one of the lists ['include', 'exclude'], has ['exclude', 'include']"),
        ("leave: []", "unknown ['leave']"),
        ("exclude: take_2", "exclude must be a list of recordings, got 'take_2'"),
        ("exclude: [{episode: 1}]", "missing ['recording']"),
        ("exclude: [{recording: take_2, episode: -1}]", "exclude[0].episode must be a whole number >= 0, got -1"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(recordings: list[Recording], tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        left(recordings, tmp_path / "list.yaml", text)
    assert message in str(error.value) and str(tmp_path / "list.yaml") in str(error.value)


def test_an_episode_of_a_bag_is_left_out_alone_and_what_was_encoded_serves_on(tmp_path: Path) -> None:
    write_ramp(tmp_path / "day", seconds=1.0)
    (whole,) = find_recordings(tmp_path / "day", RecordingConfig(boundary="cmd_vel"))  # each command begins an episode
    numbers = [s.episode for s in whole.samples(SPACE, 0.001, 2)]
    file = tmp_path / "list.yaml"
    write_list(file, [Entry("day", numbers[0], "too short"), Entry("day", numbers[-1], "")], "what a person reads")
    assert file.read_text().startswith("# what a person reads\nexclude:\n")
    (part,), words = chosen([whole], str(file))
    assert words.endswith("0 of 1 recordings, and episodes of 1 more")
    assert [s.episode for s in pickle.loads(pickle.dumps(part)).samples(SPACE, 0.001, 2)] == numbers[1:-1]
    assert part.senses_fingerprint() == whole.senses_fingerprint() and part.fingerprint() != whole.fingerprint()
    assert part.instruction_fingerprint() == whole.instruction_fingerprint() and part.uses_ranges == whole.uses_ranges
    asked = {name for name in vars(Recording) if not name.startswith("_")} - {"samples"}
    assert asked <= set(vars(ChosenEpisodes)), "what a recording is asked, a part of it answers like the whole"
    file.write_text(file.read_text().replace("exclude", "include"))
    (other,), _ = chosen([whole], str(file))
    assert {s.episode for s in other.samples(SPACE, 0.001, 2)} == {numbers[0], numbers[-1]}
    assert len({whole.fingerprint(), part.fingerprint(), other.fingerprint()}) == 3
