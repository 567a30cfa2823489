import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from neon_control.core.common.errors import ConfigError
from neon_control.training.feature_files import NOTES, let_files_stay_open, map_arrays, remove_scratch, write_arrays

ARRAYS = {
    "vision": np.arange(12, dtype=np.float32).reshape(3, 4),
    "stamps": np.array([1, 2, 1 << 60], np.int64),
    "episode": np.array([0, 0, 1], np.int32),
}


def test_arrays_come_back_as_they_were_mapped_and_read_only(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.safetensors", ARRAYS, {"problems": "[]"})
    arrays, notes = map_arrays(tmp_path / "a.safetensors") or ({}, {})
    assert notes == {"problems": "[]"} and set(arrays) == set(ARRAYS)
    for name, values in ARRAYS.items():
        assert np.array_equal(arrays[name], values) and arrays[name].dtype == values.dtype
        assert isinstance(arrays[name], np.memmap) and not arrays[name].flags.writeable
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_parts_are_written_as_the_whole_and_the_bytes_are_those_of_safetensors_own_writer(tmp_path: Path) -> None:
    notes = {"task": "lege den Würfel in die Kiste", "problems": "[]"}
    write_arrays(tmp_path / "whole", ARRAYS, notes)
    write_arrays(tmp_path / "parts", {name: [values[:1], values[1:]] for name, values in ARRAYS.items()}, notes)
    whole = (tmp_path / "whole").read_bytes()
    assert whole == (tmp_path / "parts").read_bytes()
    assert whole == save(ARRAYS, {NOTES: json.dumps(notes, sort_keys=True)})


def test_a_file_that_is_not_whole_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    whole = path.read_bytes()
    for size in (0, 3, 8, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert map_arrays(path) is None, f"{size} of {len(whole)} bytes"
    assert map_arrays(tmp_path / "none.safetensors") is None


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    host = socket.gethostname()
    stale, fresh, foreign = (
        tmp_path / f".a.safetensors.{h}.{p}.tmp" for h, p in ((host, gone.pid), (host, os.getpid()), ("other", gone.pid))
    )
    for path in (stale, fresh, foreign):
        path.write_bytes(b"half")
    remove_scratch(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([fresh, foreign])


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.safetensors"
    target.mkdir()
    with pytest.raises(ConfigError, match=rf"cannot write {target}"):
        write_arrays(target, ARRAYS)
    assert list(tmp_path.iterdir()) == [target]


@pytest.fixture
def allowed() -> Iterator[int]:
    """How many files a process may have open, as in a shell that allows few."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(map(int, os.listdir("/proc/self/fd"))) + 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_more_files_can_be_mapped_than_a_shell_allows_and_one_too_many_is_not_taken_for_missing(allowed: int, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    mapped = []
    with pytest.raises(ConfigError, match=f"cannot read {path}: Too many open files"):
        while len(mapped) < allowed:
            mapped.append(map_arrays(path))
    let_files_stay_open(50)
    mapped += [map_arrays(path) for _ in range(50)]
    assert None not in mapped
