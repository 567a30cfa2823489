"""What is kept on disk is the same array, and takes no memory after it was let go of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neon_control.training import spill as spilling
from neon_control.training.feature_files import map_arrays, write_arrays
from neon_control.training.spill import Spill, let_go

SHAPE = 64, 64, 1024  # 16 MiB


def mapped(path: Path) -> int:
    """[bytes] of memory that this process holds of files in a folder."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            inside = str(path) in line
        elif inside and line.startswith("Rss:"):
            found += 1024 * int(line.split()[1])
    return found


def test_what_was_looked_at_is_out_of_memory_once_it_is_let_go_of_and_stays_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilling, "SPILL", 1 << 20)
    spill = Spill(tmp_path)
    rows, small = spill.room(SHAPE), spill.room((4, 4))
    rows[:] = np.arange(64)[:, None, None]
    small[:] = 3.0
    assert mapped(tmp_path) >= rows.nbytes
    spill.let_go()
    assert mapped(tmp_path) < 1 << 20
    assert (rows[:, 0, 0] == np.arange(64)).all() and (small == 3.0).all()
    assert list(tmp_path.iterdir()) == [], "the file goes with the process, whatever ends it"


def test_rows_from_anywhere_bring_little_but_themselves_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilling, "SPILL", 1 << 20)
    spill = Spill(tmp_path)
    rows = spill.room((16384, 4096))  # 256 MiB
    for begin in range(0, len(rows), 1024):
        rows[begin : begin + 1024] = 1.0
        spill.let_go()
    picked = rows[np.random.default_rng(0).integers(0, len(rows), 256)]  # 4 MiB
    assert picked.all() and picked.nbytes <= mapped(tmp_path) < 16 * picked.nbytes


def test_a_recordings_arrays_are_let_go_of_through_every_view_and_what_is_in_memory_stays(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.safetensors", {"vision": np.ones(SHAPE, np.float32)})
    arrays, _ = map_arrays(tmp_path / "a.safetensors") or ({}, {})
    part = arrays["vision"][3:60]
    assert part.sum() == part.size
    assert mapped(tmp_path) > part.nbytes // 2
    let_go(part)
    assert mapped(tmp_path) < 1 << 20
    picked = part[[1, 5, 2]]
    let_go(picked)
    assert (picked == 1.0).all()
