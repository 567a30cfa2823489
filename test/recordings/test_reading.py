"""Problems of many recordings, and a recording that fails as nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lerobot_set import SPACE
from whole_recording import read_all

from neon_control.recordings.reading import Problem, Recording, Sample, alike


class Failing(Recording):
    """Raises what no reader should."""

    path, name = Path("take"), "take"

    def fingerprint(self) -> str:
        return ""

    def _samples(self, *_: Any) -> Iterator[Sample]:
        yield from ()
        raise RecursionError("too deep")


def test_whatever_a_reader_raises_becomes_a_problem() -> None:
    reading = read_all(Failing(), SPACE, 0.02, 16)
    assert (reading.samples, reading.problems) == ([], [Problem("take", None, "cannot be read: RecursionError: too deep")])


def test_problems_that_differ_in_numbers_share_a_row_with_the_first_places() -> None:
    short = [(f"set/{n}", Problem(f"set/{n}", None, f"lasts {n} s", count=2)) for n in range(12)]
    missing = ("set/3", Problem("set/3 video", 0.5, "is not there"))
    (row, count), (other, once) = alike([*short, missing])
    assert (row.where, row.count, count) == ("set/0", 24, 12)
    assert row.what == f"lasts 0 s; also in {', '.join(f'set/{n}' for n in range(1, 9))}, and 3 more"
    assert (other, once) == (missing[1], 1)
