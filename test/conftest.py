"""Shared by all tests: one thread for each numeric library, reproducible properties, a private DDS domain.

Fast DDS reads its profile file once in a process, so the transport of this one is chosen here, before any test makes a participant.
Harnesses keep the choice from the processes that they start: those have to make it by themselves, as they have to choose MUJOCO_GL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

# Before numpy, torch or ONNX Runtime are imported: their pools would fight for the cores and blur every timing.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
for variable in ("FASTDDS_BUILTIN_TRANSPORTS", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "MUJOCO_GL"):
    os.environ.pop(variable, None)

import pytest  # noqa: E402
import rclpy  # noqa: E402
from dds_domain import claimed_domain  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

import neon_control.sim  # noqa: E402, F401  # chooses how MuJoCo draws: it reads that once, and some tests import it by themselves
from neon_control.nodes.shared_memory import remove_dead_segments  # noqa: E402
from neon_control.nodes.transport import choose_transport  # noqa: E402

choose_transport()

# A shell ignores SIGINT for its jobs in the background, and what is ignored stays so in every process that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine stalls now and then: no deadline. In CI every run draws the same examples.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def ros_domain_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A DDS domain of this test alone; also put into ROS_DOMAIN_ID, so that child processes join it."""
    with claimed_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        yield domain


def pytest_sessionfinish() -> None:
    """Give back the shared memory of processes that tests have killed: some MB each."""
    remove_dead_segments()


@pytest.fixture
def ros(ros_domain_id: int) -> Iterator[int]:
    """An initialised default context in a private domain."""
    rclpy.init(domain_id=ros_domain_id)
    yield ros_domain_id
    rclpy.try_shutdown()
