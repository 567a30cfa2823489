"""The stand-in's log is read as it was written, also while it is being written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neon_control.sim.unitree.log import EVENTS, RECEIVED, ROW, Log, LogWriter
from neon_control.sim.unitree.robot import Taken


def test_rows_and_events_come_back(tmp_path: Path) -> None:
    row = np.zeros((), ROW)
    row["taken"], row["weight"], row["q"][7] = 12, 0.5, -1.25
    with LogWriter(tmp_path / "log") as writer:
        writer.row(row)
        writer.event(3, "request", api_id=7105)
        writer.event(4, "motion", base=[0.1, 0.0, 0.0])
    log = Log.read(tmp_path / "log")
    assert log.rows.tobytes() == row.tobytes()
    assert Taken(log.rows["outcome"][0]) is Taken.APPLIED
    assert log.named("request") == [{"t": 3, "event": "request", "api_id": 7105}]


def test_half_a_row_and_half_a_line_are_left_for_later(tmp_path: Path) -> None:
    with LogWriter(tmp_path) as writer:
        writer.row(np.zeros((), ROW))
        writer.event(3, "motion")
    with (tmp_path / RECEIVED).open("ab") as file:
        file.write(b"half")
    with (tmp_path / EVENTS).open("a") as file:
        file.write('{"t": 4, "ev')
    log = Log.read(tmp_path)
    assert len(log.rows) == 1
    assert [event["t"] for event in log.events] == [3]
