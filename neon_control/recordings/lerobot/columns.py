"""Columns of a parquet table to arrays in which everything that cannot be used is NaN, and the rows in which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError

SHOWN = 8  # frames that a problem names


def to_matrix(column: Any) -> np.ndarray:
    """A column of lists, or of single numbers, to (T, D); a row that is missing, of another length or no numbers is NaN."""
    rows = column.to_pylist()
    try:
        values = np.asarray(rows, dtype=np.float64)
        return values.reshape(len(rows), -1)
    except (TypeError, ValueError, OverflowError):
        pass
    lists = [row if isinstance(row, list) else [row] for row in rows]
    lengths = [len(row) for row in lists if row != [None]]
    width = max(set(lengths), key=lengths.count, default=0)
    values = np.full((len(rows), width), np.nan)
    for target, row in zip(values, lists, strict=True):
        if len(row) == width:
            target[:] = [_number(cell) for cell in row]
    return values


def _number(cell: Any) -> float:
    return float(cell) if isinstance(cell, int | float) and abs(cell) < 1e300 else np.nan


def places(wanted: Sequence[str], mapping: Mapping[str, str], theirs: Sequence[str], width: int, feature: str, field: str) -> list[int]:
    """Where each of our names is in a feature of `width` numbers: by its name there, or by its place, where the mapping says a number.

    Args:
        mapping: ours -> theirs, or a place from 0.
        theirs: names of the feature's numbers; they count only where there is one for each.
        feature, field: of the dataset, and of the robot file, for the error.

    Raises:
        ConfigError: a name is not there, with what is.
    """
    found = {ours: place_of(ours, mapping, theirs, width) for ours in wanted}
    missing = [mapping.get(ours, ours) for ours, place in found.items() if place is None]
    if missing:
        text = f"{feature} needs the names {missing}, has {list(theirs)} for {width} numbers; {field} of the robot file maps names"
        raise ConfigError(f"{text}, and places where there are none: {{{wanted[0]}: 0}}")
    return [place for place in found.values() if place is not None]


def place_of(ours: str, mapping: Mapping[str, str], theirs: Sequence[str], width: int) -> int | None:
    """As `places`, of one name; None where it is not there."""
    named, name = theirs if len(theirs) == width else (), mapping.get(ours, ours)
    if name in named:
        return named.index(name)
    return int(name) if name.isdecimal() and int(name) < width else None


def frames_in_words(frames: np.ndarray) -> str:
    """`frame 3`, or `frames 3, 5 and 9 more`."""
    names = ", ".join(map(str, frames[:SHOWN]))
    return f"frame{'s' * (len(frames) > 1)} {names}" + (f" and {len(frames) - SHOWN} more" if len(frames) > SHOWN else "")


def filled(values: np.ndarray) -> np.ndarray:
    """(T, D) without NaN: on a line between the neighbours, 0 in a column that has no number; nobody may learn from what was filled."""
    result = np.array(values, dtype=np.float64)
    rows = np.arange(len(result))
    for column in result.T:
        good = np.isfinite(column)
        if not good.all():
            column[:] = np.interp(rows, rows[good], column[good]) if good.any() else 0.0
    return result


def known_at(times: np.ndarray, stamps: np.ndarray, good: np.ndarray) -> np.ndarray:
    """(H,) whether the value at `times` (H,) [ns] rests on good rows alone; rows are at `stamps` (T,) [ns], rising."""
    left = np.clip(np.searchsorted(stamps, times, side="right") - 1, 0, len(stamps) - 1)
    right = np.where(stamps[left] < times, np.minimum(left + 1, len(stamps) - 1), left)
    return np.asarray(good[left] & good[right])
