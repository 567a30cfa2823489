"""Shared by all tests: one thread for each numeric library, reproducible properties, a private DDS domain.

Fast DDS reads its profile file once in a process, so the transport of this one is chosen here, before any test makes a participant.
Harnesses keep the choice from the processes that they start: those have to make it by themselves, as they have to choose MUJOCO_GL.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

# Before numpy, torch or ONNX Runtime are imported: their pools would fight for the cores and blur every timing.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
for variable in ("FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "MUJOCO_GL"):
    os.environ.pop(variable, None)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from neon_control.nodes.processes import free_domain_id  # noqa: E402
from neon_control.nodes.transport import choose_transport  # noqa: E402

choose_transport()

# A shell ignores SIGINT for its jobs in the background, and what is ignored stays so in every process that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine stalls now and then: no deadline. In CI every run draws the same examples.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def ros_domain_id(monkeypatch: pytest.MonkeyPatch) -> int:
    """A DDS domain that no process on this machine uses; also put into ROS_DOMAIN_ID, so that child processes join it."""
    domain = free_domain_id()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    return domain


def pytest_sessionfinish() -> None:
    """Give back the shared memory of processes that tests have killed: some MB each, which Fast DDS leaves behind for good."""
    for lock in SHARED_MEMORY.glob("fastdds_????????????????_el"):
        try:
            if time.time() - lock.stat().st_mtime < 60.0:
                continue  # its owner may be about to take the lock
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by a living owner: BlockingIOError
                lock.with_name(lock.name.removesuffix("_el")).unlink(missing_ok=True)
                lock.unlink()
        except OSError:
            continue
