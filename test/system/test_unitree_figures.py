"""The figures that tests tell go with the rows of the table that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from unitree_figures import BASE, ROWS, figure, summary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "g1.md"


def test_each_row_stands_in_the_table_in_this_order() -> None:
    table = PAGE.read_text().split("## What happens when")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    found = [next(number for number, cell in enumerate(cells) if row in cell) for row in ROWS]
    assert found == sorted(found)


def test_figures_of_several_runs_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "figures"
    monkeypatch.setenv("NEON_FIGURES", str(file))
    for seconds in (1.5, 1.7, 1.6):
        figure("e-stop of the executor", seconds, 0.1)
    figure("lowstate silent", 1.61)
    figure("e-stop of the executor", 0.4, what=BASE)
    assert summary(file.read_text().splitlines()) == [
        "01 lowstate silent: weight 0 after 1.61 s (1.61 to 1.61 s in 1), of which messages were late by at most 0.00 s",
        "11 e-stop of the executor: base stood after 0.40 s (0.40 to 0.40 s in 1), of which messages were late by at most 0.00 s",
        "11 e-stop of the executor: weight 0 after 1.60 s (1.50 to 1.70 s in 3), of which messages were late by at most 0.10 s",
    ]
