"""Rows of one episode out of a parquet file that many episodes share, without reading the others again for each.

Writers put an episode into a row group of its own, or everything into one (LeRobot, when it converts a dataset). The groups that may hold
an episode are known from the file's statistics. The last one that was read is kept, so that a large group is read once while its episodes
are asked for in order; one that is larger than `KEPT_BYTES` is searched anew for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

EPISODE = "episode_index"
KEPT_BYTES = 256 << 20  # of the columns that are asked for, in memory; LeRobot begins another file at 100 MB, compressed


class DataFile:
    """A parquet file with rows of episodes.

    Attributes:
        columns: the names of all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = parquet.ParquetFile(path)
        self.columns: list[str] = self._file.schema_arrow.names
        self._group: tuple[int, tuple[str, ...]] | None = None  # that is kept: its number, the columns of it
        self._table = arrow.table({})
        self._episodes = np.zeros(0)

    def rows(self, episode: int, columns: Sequence[str]) -> arrow.Table:
        """Those of an episode, in the file's order.

        Raises:
            ValueError, KeyError: the file is damaged, or has no such column.
        """
        wanted = tuple(dict.fromkeys((*columns, EPISODE)))
        found = []
        for group in (g for g, (first, last) in enumerate(self._spans) if first <= episode <= last):
            if self._size(group, wanted) > KEPT_BYTES:
                return parquet.read_table(self._path, columns=list(columns), filters=[(EPISODE, "==", episode)])
            if (group, wanted) != self._group:
                self._table, self._group = arrow.table({}), None  # never two of them
                self._table, self._group = self._file.read_row_group(group, list(wanted)), (group, wanted)
                self._episodes = self._table[EPISODE].to_numpy()
            found.append(_picked(self._table.select(list(columns)), np.flatnonzero(self._episodes == episode)))
        return arrow.concat_tables(found) if found else self._file.schema_arrow.empty_table().select(list(columns))

    @cached_property
    def _spans(self) -> list[tuple[float, float]]:
        """The smallest and the largest episode of each group, as far as the file says."""
        metadata = self._file.metadata
        places = [i for i in range(metadata.num_columns) if metadata.schema.column(i).path == EPISODE]
        if not places:
            raise KeyError(f"it needs the column '{EPISODE}', has {self.columns}")
        known = [metadata.row_group(group).column(places[0]).statistics for group in range(metadata.num_row_groups)]
        return [(k.min, k.max) if k is not None and k.has_min_max else (-np.inf, np.inf) for k in known]

    def _size(self, group: int, columns: Sequence[str]) -> int:
        chunks = (self._file.metadata.row_group(group).column(i) for i in range(self._file.metadata.num_columns))
        return sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] in columns)


def _picked(table: arrow.Table, rows: np.ndarray) -> arrow.Table:
    """Rows in order; what lies together is not copied."""
    together = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    return table.slice(int(rows[0]), len(rows)) if together else table.take(rows)


def data_file(path: Path) -> DataFile:
    """The file, as it is now; the last one stays open."""
    state = path.stat()
    return _opened(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _opened(path: Path, changed: int, size: int) -> DataFile:
    return DataFile(path)
