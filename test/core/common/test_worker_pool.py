"""Processes that share work: what they make, raise, and leave behind."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from waiting import wait_until

from neon_control.core.common.errors import ConfigError, NeonControlError
from neon_control.core.common.worker_pool import in_processes

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
if __name__ == "__main__":
    from neon_control.core.common.worker_pool import in_processes
    import slow_work
    for made in in_processes(slow_work.work, range(8), 2, slow_work.start, ()):
        print(made, flush=True)
"""
JOBS = """
import os, signal

from neon_control.core.common.errors import ConfigError

def start(offset):
    global _offset
    _offset = offset

def work(item):
    if item == -1:
        raise ConfigError("no such item: -1")
    if item == -2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item + _offset
"""
SLOW_WORK = """
import time
from pathlib import Path
from types import ModuleType

Path({mark!r}).touch()  # a worker, or the program itself, has begun to import
time.sleep(1.0)

def start():
    pass

def work(item):
    time.sleep(60.0)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that other processes can import, which a test's own cannot be."""
    (tmp_path / "pool_jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pool_jobs", raising=False)
    return importlib.import_module("pool_jobs")


def test_every_item_is_worked_on_by_a_process_that_was_told_the_same(jobs: ModuleType) -> None:
    assert sorted(in_processes(jobs.work, [1, 2, 3], 2, jobs.start, (10,))) == [11, 12, 13]


def test_without_items_no_process_is_started(jobs: ModuleType) -> None:
    assert list(in_processes(jobs.work, [], 0, jobs.start, (10,))) == []


def test_an_error_arrives_as_it_was_raised(jobs: ModuleType) -> None:
    with pytest.raises(ConfigError, match="no such item: -1"):
        list(in_processes(jobs.work, [-1], 1, jobs.start, (0,)))


def test_a_killed_process_is_an_error_that_says_what_to_do(jobs: ModuleType) -> None:
    with pytest.raises(NeonControlError, match="run the same command again"):
        list(in_processes(jobs.work, [-2], 1, jobs.start, (0,)))


def test_ctrl_c_while_processes_still_import_ends_all_of_them_without_a_word(tmp_path: Path) -> None:
    mark = tmp_path / "importing"
    (tmp_path / "slow_work.py").write_text(SLOW_WORK.format(mark=str(mark)))
    (tmp_path / "program.py").write_text(PROGRAM.format(folder=str(tmp_path)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    for _ in range(2):  # the program imports it first; then a worker
        wait_until(mark.exists, 60.0, "an import of slow_work")
        mark.unlink()

    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: all processes at once
    _, errors = program.communicate(timeout=60.0)

    assert program.returncode == -signal.SIGINT  # of this small program, which does not catch it
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")  # the program's own
    wait_until(lambda: not _any_left(program.pid), 10.0, "all processes to be gone")


def _any_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
