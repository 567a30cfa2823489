"""Rows of an episode are those of the file, however it was written, and a large group is read once for all of its episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from neon_control.recordings.lerobot import data_file as module
from neon_control.recordings.lerobot.data_file import EPISODE, DataFile, data_file

COLUMNS = ["timestamp", "observation.state"]
LENGTHS = [7, 1, 12, 5]


def table(mixed: bool = False) -> arrow.Table:
    episodes = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    if mixed:
        episodes = np.random.default_rng(0).permutation(episodes)
    count = len(episodes)
    state = arrow.FixedSizeListArray.from_arrays(arrow.array(np.arange(2.0 * count, dtype=np.float32)), 2)
    return arrow.table({"timestamp": np.arange(count) / 10, "observation.state": state, "success": np.zeros(count), EPISODE: episodes})


def write(path: Path, whole: arrow.Table, groups: list[int]) -> Path:
    with parquet.ParquetWriter(path, whole.schema) as writer:
        for begin, end in zip([0, *np.cumsum(groups)[:-1].tolist()], np.cumsum(groups).tolist(), strict=True):
            writer.write_table(whole.slice(begin, end - begin))
    return path


@pytest.mark.parametrize("groups", [LENGTHS, [25], [10, 15], [1] * 25])
@pytest.mark.parametrize(("mixed", "kept"), [(False, 1 << 20), (True, 1 << 20), (False, 0)])
def test_the_rows_of_each_episode_are_those_that_a_filter_gives(
    groups: list[int], mixed: bool, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", kept)
    path = write(tmp_path / "a.parquet", table(mixed), groups)
    file = DataFile(path)
    for episode in (0, 3, 2, 1, 0, 9):
        expected = parquet.read_table(path, columns=COLUMNS, filters=[(EPISODE, "==", episode)])
        found = file.rows(episode, COLUMNS)
        assert found.column_names == COLUMNS and found.to_pylist() == expected.to_pylist()


def test_a_large_group_is_read_once_and_a_file_that_was_written_anew_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    original = parquet.ParquetFile.read_row_group

    def counted(self: Any, group: int, *args: Any) -> arrow.Table:
        reads.append(group)
        return original(self, group, *args)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", counted)
    path = write(tmp_path / "a.parquet", table(), [25])
    assert [len(data_file(path).rows(episode, COLUMNS)) for episode in range(4)] == LENGTHS
    assert reads == [0]
    write(path, table().slice(1), [24])
    assert len(data_file(path).rows(0, COLUMNS)) == LENGTHS[0] - 1


def test_a_file_without_episodes_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(table().drop([EPISODE]), path)
    with pytest.raises(KeyError, match="needs the column 'episode_index'"):
        DataFile(path).rows(0, COLUMNS)
