"""Measured times for the table "What happens when" of docs/g1.md. A test tells its own with `figure`, which prints a line.

With NEON_FIGURES=FILE the lines are kept, of one run or of several; `python test/system/unitree_figures.py FILE` puts them together, in the
order of the table's rows:

    NEON_FIGURES=/tmp/g1 pytest -s test/system/test_unitree_driver.py
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

# Words of the first cell of each row, in the table's order; rows without a test on the wire are left out.
ROWS = (
    "lowstate silent",
    "ten within a second",
    "`mode_machine`",
    "a motor reports error bits",
    "a motor above",
    "a joint further than",
    "another program writes",
    "another program could",
    "two robots publish",
    "the robot's machine is not",
    "e-stop of the executor",
    "the remote's stop",
    "no chunks",
    "no commands at all",
    "SIGINT",
    "SIGTERM",
    "deactivation",
    "**SIGKILL",
)
# What is told about a row beside the time to the weight 0.
WEIGHT, BASE, HELD = "weight 0 after", "base stood after", "pose and weight held for"


def figure(row: str, seconds: float, late: float = 0.0, what: str = WEIGHT) -> None:
    """A row's time [s]; `late` of it [s] messages were late, because this computer was."""
    line = f"{ROWS.index(row) + 1:02d} {row} | {what} | {seconds:.3f} | {late:.3f}"
    print(f"figure: {line}")
    if file := os.environ.get("NEON_FIGURES"):
        with Path(file).open("a") as out:
            out.write(f"{line}\n")


def summary(lines: list[str]) -> list[str]:
    """One line for each row and what was told of it."""
    told: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        row, what, seconds, late = line.split(" | ")
        told[row, what].append((float(seconds), float(late)))
    found = []
    for (row, what), values in sorted(told.items()):
        seconds, late = np.array(values).T
        span = f"{seconds.min():.2f} to {seconds.max():.2f} s in {len(values)}"
        found.append(f"{row}: {what} {np.median(seconds):.2f} s ({span}), of which messages were late by at most {late.max():.2f} s")
    return found


if __name__ == "__main__":
    print("\n".join(summary(Path(sys.argv[1]).read_text().splitlines())))
