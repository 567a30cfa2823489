"""Real-time options: what the system refuses is said, and nothing breaks."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os, resource
from neon_control.core.common.realtime import RealtimeSettings, apply
if {drop}:
    for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
        resource.setrlimit(limit, (0, 0))
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
print(apply(RealtimeSettings({arguments})))
print(os.sched_getscheduler(0) == os.SCHED_FIFO, sorted(os.sched_getaffinity(0)))
"""


def run(arguments: str, drop: bool = False) -> list[str]:
    """In a process of its own, without rights if `drop`: the options change the whole process."""
    program = PROGRAM.format(arguments=arguments, drop=drop)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_defaults_need_no_rights():
    assert run("")[0] == "[]"


def test_missing_rights_are_named_and_not_fatal():
    lines = run("priority=50, lock_memory=True", drop=True)
    assert "SCHED_FIFO priority 50" in lines[0] and "memory not locked" in lines[0]
    assert lines[1].startswith("False")


def test_affinity_is_set_and_an_impossible_cpu_is_named():
    first = min(os.sched_getaffinity(0))
    assert run(f"cpus=({first},)") == ["[]", f"False [{first}]"]
    assert "not bound to CPUs [4095]" in run("cpus=(4095,)")[0]


FAULTS = """
import ctypes, resource, threading
from neon_control.core.common.realtime import RealtimeSettings, apply
def take():
    apply(RealtimeSettings())
    faults = lambda: resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    counted = []
    for _ in range(3):
        before = faults()
        message = bytes(bytearray(8 * 2**20 - 100))
        del message
        counted.append(faults() - before)
    print(max(counted))
thread = threading.Thread(target=take)
thread.start()
thread.join()
"""


def test_a_large_message_is_taken_without_new_pages():
    """The wound: each 8 MiB that somebody sent cost the control thread 12 ms, of which 9 ms went into 4096 page faults."""
    counted = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout
    assert int(counted) < 400
