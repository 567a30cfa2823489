from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until

from neon_control.nodes.shared_memory import SHARED_MEMORY, YOUNG, remove_dead_segments

NAMES = ["fastdds_0123456789abcdef", "fastdds_fedcba9876543210"]
PARTICIPANT = """
import time
from neon_control.nodes.transport import choose_transport
choose_transport()
import rclpy
rclpy.init()
node = rclpy.create_node("to_be_killed")
print("up", flush=True)
time.sleep(60.0)
"""


def make(folder: Path, name: str, age: float) -> Path:
    segment, lock = folder / name, folder / f"{name}_el"
    segment.write_bytes(b"memory")
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    return segment


def test_only_what_no_living_process_locks_is_removed(tmp_path: Path) -> None:
    dead, living = (make(tmp_path, name, 2.0 * YOUNG) for name in NAMES)
    port = tmp_path / "fastdds_port7410"
    port.touch()
    with living.with_name(f"{living.name}_el").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_dead_segments(tmp_path) == [dead.name]
        assert sorted(file.name for file in tmp_path.iterdir()) == [living.name, f"{living.name}_el", port.name]


def test_a_young_one_stays_as_its_owner_may_be_about_to_lock_it(tmp_path: Path) -> None:
    segment = make(tmp_path, NAMES[0], 0.0)
    assert remove_dead_segments(tmp_path) == []
    assert segment.exists()


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert remove_dead_segments(tmp_path / "none") == []


@pytest.mark.system
@pytest.mark.slow
def test_a_killed_process_leaves_its_segment_and_the_next_one_removes_it(ros_domain_id: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", PARTICIPANT], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        own = next(name for line in maps.splitlines() if (name := line.rsplit("/", 1)[-1]).startswith("fastdds_") and len(name) == 24)
        lock = SHARED_MEMORY / f"{own}_el"
        os.utime(lock, (time.time() - 2.0 * YOUNG,) * 2)
        assert own not in remove_dead_segments()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (SHARED_MEMORY / own).exists(), "Fast DDS cleans up by itself now: shared_memory.py is no longer needed"
        wait_until(lambda: own in remove_dead_segments() or not lock.exists(), 5.0, "the dead one's segment to be found")
        assert not (SHARED_MEMORY / own).exists()
    finally:
        process.kill()
        process.stdout.close()
