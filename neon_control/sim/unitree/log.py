"""What the robot was sent, and what came of it: two files in a folder, written while it runs and read by tests.

| file           | holds                                                                                                      |
|----------------|------------------------------------------------------------------------------------------------------------|
| received.bin   | a row of `ROW` for each message of `arm_sdk`, in the order of arrival                                       |
| events.jsonl   | a line of JSON for each event: its instant `t` [ns], its name `event`, and what belongs to it               |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from neon_control.sim.unitree.set_points import MOTORS

RECEIVED, EVENTS = "received.bin", "events.jsonl"
ROW = np.dtype(
    [
        ("taken", "<i8"),  # [ns] when the robot took it
        ("sent", "<i8"),  # [ns] when its writer wrote it
        ("writer", "<u8"),  # a handle of the middleware, one for each writer
        ("outcome", "u1"),  # `Taken`
        ("mode_machine", "u1"),
        ("weight", "<f4"),
        *((name, "<f4", MOTORS) for name in ("q", "dq", "tau", "kp", "kd")),  # [rad], [rad/s], [N m], [N m/rad], [N m s/rad]
        ("measured", "<f4", MOTORS),  # [rad] where the joints were
    ]
)


class LogWriter:
    """Begins both files anew. A context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows, self._events = (folder / RECEIVED).open("wb"), (folder / EVENTS).open("w")

    def row(self, row: np.ndarray) -> None:
        """One of `ROW`."""
        self._rows.write(row.tobytes())

    def event(self, now: int, event: str, **values: Any) -> None:
        """Something happened at `now` [ns]."""
        self._events.write(json.dumps({"t": now, "event": event, **values}) + "\n")

    def flush(self) -> None:
        """Let readers see what there is."""
        self._rows.flush()
        self._events.flush()

    def close(self) -> None:
        """End both files."""
        self._rows.close()
        self._events.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class Log:
    """What a log holds.

    Attributes:
        rows: of `ROW`.
        events: in their order.
    """

    rows: np.ndarray
    events: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Log:
        """A log, whether it is still being written or not."""
        data = (folder / RECEIVED).read_bytes()
        rows = np.frombuffer(data[: len(data) // ROW.itemsize * ROW.itemsize], ROW)
        lines = (folder / EVENTS).read_text().splitlines(keepends=True)
        return cls(rows, [json.loads(line) for line in lines if line.endswith("\n")])

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [e for e in self.events if e["event"] == event]
