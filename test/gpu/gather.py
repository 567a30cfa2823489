"""Ends a run: `gather.py ROWS JSON` turns the lines into one JSON file and prints the tables, of a run that was cut off too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tables import card, tables

from neon_control.core.common.text_table import table


def read_rows(file: Path) -> list[dict]:
    """The rows; a last line that was cut in the middle is left out."""
    rows = []
    for line in file.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{file}: a line that is no JSON is left out: {line[:80]!r}")
    return rows


if __name__ == "__main__":
    rows = read_rows(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps({"card": card(rows), "rows": rows}, indent=1) + "\n")
    print(f"\n{card(rows)}")
    for title, columns, lines in tables(rows):
        print(f"\n{title}\n{table(columns, lines, numeric=())}")
