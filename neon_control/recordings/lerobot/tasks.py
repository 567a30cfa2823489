"""What is to be done in a LeRobot dataset, in words: `meta/tasks.jsonl` of versions 2, `meta/tasks.parquet` of version 3.

A frame's `task_index` says which of them it belongs to. Where frames or the list say nothing, an episode's only task counts for all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from neon_control.core.common.errors import ConfigError, ObservationError
from neon_control.core.common.files import lfs_hint, read_whole
from neon_control.core.sensing.instruction import checked_instruction
from neon_control.recordings.lerobot.layout import MAX_BYTES, Episode, Layout
from neon_control.recordings.reading import Report

TASKS = {2: Path("meta/tasks.jsonl"), 3: Path("meta/tasks.parquet")}
INDEX = "task_index"


def tasks_file(layout: Layout) -> Path:
    """Where a dataset of this version has its tasks."""
    return layout.root / TASKS[layout.version]


def instructions(layout: Layout, episode: Episode, numbers: Sequence[float], name: str, report: Report) -> list[str]:
    """What is to be done at each frame; empty where that is not known.

    Args:
        numbers: `task_index` of each frame, NaN where there is none.
        name: of the episode, in the report.
    """
    listed, problem = _listed(layout)
    own = episode.row.get("tasks")
    only = own[0] if isinstance(own, list) and len(own) == 1 and isinstance(own[0], str) else ""
    texts: dict[float, str] = {}
    for number in dict.fromkeys(n for n in numbers if np.isfinite(n)):
        text = listed.get(int(number), only)
        if not text and (problem or listed):
            report.add(name, None, problem or f"{INDEX} {number:g} is none of {tasks_file(layout).name}, which has {len(listed)} tasks")
        texts[number] = _checked(text, name, report)
    default = _checked(only, name, report)
    return [texts.get(number, default) for number in numbers]


def _checked(text: str, name: str, report: Report) -> str:
    try:
        return checked_instruction(text)
    except ObservationError as error:
        report.add(name, None, f"its task is left out: {error}")
        return ""


def _listed(layout: Layout) -> tuple[Mapping[int, str], str]:
    """The tasks by their numbers, and what is wrong with their file."""
    file = tasks_file(layout)
    if not file.is_file():
        return {}, ""
    try:
        return _read(file, file.stat().st_mtime_ns), ""
    except (ConfigError, OSError, LookupError, TypeError, ValueError, RecursionError) as error:  # pyarrow's, json's: ValueErrors
        return {}, f"{file.name}: no list of tasks: {lfs_hint(file) or error}"


@lru_cache(maxsize=8)  # of the datasets that a process reads episode by episode
def _read(file: Path, changed: int) -> Mapping[int, str]:
    return dict(_lines(file) if file.suffix == ".jsonl" else _rows(file))


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    for line in filter(bytes.strip, read_whole(file, MAX_BYTES).splitlines()):
        row = json.loads(line)
        yield _task(row[INDEX], row["task"])


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    """The texts are the index of a pandas table: the column is called `task`, or as pandas calls an index without a name."""
    table = parquet.read_table(file)
    named = [n for n in table.column_names if n != INDEX]
    column = "task" if "task" in named else next((n for n in named if n.startswith("__index_level_")), "")
    if not column or INDEX not in table.column_names:
        raise ConfigError(f"it needs the columns '{INDEX}' and 'task', has {table.column_names}")
    for number, text in zip(table[INDEX].to_pylist(), table[column].to_pylist(), strict=True):
        yield _task(number, text)


def _task(number: Any, text: Any) -> tuple[int, str]:
    if not isinstance(number, int) or not isinstance(text, str):
        raise ConfigError(f"a task needs a number and a text, got {number!r} and {text!r}")
    return number, text
