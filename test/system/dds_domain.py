"""A DDS domain for one test, kept until it ends: a domain without a participant yet looks free to the tests that run beside it."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neon_control.nodes.processes import free_domain_id


@contextmanager
def claimed_domain() -> Iterator[int]:
    """A domain that no process on this machine uses, and that no other test is given meanwhile."""
    while True:
        domain = free_domain_id()
        with (Path(tempfile.gettempdir()) / f"neon_control_test_domain_{domain}").open("w") as claim:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
