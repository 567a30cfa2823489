"""Each frame of a dataset is told its own task, whichever version wrote the list and whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from lerobot_set import FRAMES, SPACE, Rows, write_set
from whole_recording import Reading, read_all

from neon_control.core.robot.recording_names import LeRobotNames, RecordingConfig
from neon_control.recordings.finding import find_recordings

ARM = RecordingConfig(lerobot=LeRobotNames(image="observation.images.front"), base="")
HALF = FRAMES // 2


def two_tasks(rows: Rows) -> None:
    """The first episode changes its task half-way; the second one has the second task."""
    rows["task_index"] = [0] * HALF + [1] * (2 * FRAMES - HALF)


def write_tasks(root: Path, column: str = "task", texts: tuple[Any, ...] = ("open the drawer", "  put the cup\n in ")) -> Path:
    parquet.write_table(arrow.table({"task_index": list(range(len(texts))), column: list(texts)}), root / "meta/tasks.parquet")
    return root


def told(root: Path, episode: int = 0) -> tuple[list[str], Reading]:
    reading = read_all(find_recordings(root, ARM)[episode], SPACE, 0.02, 4)
    return [s.observation.instruction for s in reading.samples], reading


@pytest.mark.parametrize("column", ["task", "__index_level_0__"])
def test_every_frame_has_the_task_of_its_number(column: str, tmp_path: Path) -> None:
    root = write_tasks(write_set(tmp_path / "set", two_tasks), column)
    first, reading = told(root)
    assert first[:HALF] == ["open the drawer"] * HALF and set(first[HALF:]) == {"put the cup in"} and len(first) == FRAMES
    assert set(told(root, 1)[0]) == {"put the cup in"} and reading.problems == []


def test_version_2_has_its_tasks_line_by_line(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", two_tasks)
    info = json.loads((root / "meta/info.json").read_text())
    info |= {"codebase_version": "v2.1", "data_path": "data/chunk-000/file-000.parquet"}
    (root / "meta/info.json").write_text(json.dumps(info))
    rows = parquet.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    (root / "meta/episodes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lines = [{"task_index": 0, "task": "open"}, {"task_index": 1, "task": "close"}]
    (root / "meta/tasks.jsonl").write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    texts, _ = told(root)
    assert texts[0] == "open" and texts[-1] == "close"


def test_an_episode_s_only_task_counts_where_there_is_no_list(tmp_path: Path) -> None:
    texts, reading = told(write_set(tmp_path / "set"))
    assert texts == ["t"] * FRAMES and reading.problems == []

    def several(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["tasks"] = ["one", "two"]

    texts, reading = told(write_set(tmp_path / "several", edit_episodes=several))
    assert texts == [""] * FRAMES and reading.problems == [], "nobody asked for them yet"


def test_a_damaged_list_costs_the_words_only_and_is_named(tmp_path: Path) -> None:
    def nothing(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            del row["tasks"]

    root = write_set(tmp_path / "set", two_tasks, nothing)
    (root / "meta/tasks.parquet").write_bytes(b"no parquet")
    texts, reading = told(root)
    assert texts == [""] * FRAMES and "tasks.parquet: no list of tasks: " in reading.problems[0].what
    texts, reading = told(write_tasks(write_set(tmp_path / "short", two_tasks, nothing), texts=("open",)))
    assert texts[0] == "open" and texts[-1] == "" and "task_index 1 is none of tasks.parquet, which has 1 tasks" in reading.problems[0].what


def test_a_text_that_nobody_could_be_told_is_left_out(tmp_path: Path) -> None:
    root = write_tasks(write_set(tmp_path / "set", two_tasks), texts=("x" * 501, "go\x00"))
    texts, reading = told(root)
    assert texts == [""] * FRAMES
    assert ["501 letters" in reading.problems[0].what, "'go\\x00' holds" in reading.problems[1].what] == [True, True]


def test_the_words_have_a_fingerprint_of_their_own(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", two_tasks)
    recording = find_recordings(root, ARM)[0]
    before = recording.fingerprint(), recording.senses_fingerprint(), recording.instruction_fingerprint()
    write_tasks(root)
    after = recording.fingerprint(), recording.senses_fingerprint(), recording.instruction_fingerprint()
    assert before[:2] == after[:2] and before[2] != after[2]
