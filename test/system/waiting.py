"""Wait for a condition, with a limit, instead of sleeping for a fixed time. Imported with `from waiting import wait_until`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout: float, what: str, tick: Callable[[], object] | None = None, interval: float = 0.02
) -> T:
    """Call `condition` until it returns something true, and return that.

    Example: ``wait_until(lambda: probe.latest, 5.0, "a joint state", tick=lambda: rclpy.spin_once(node, timeout_sec=0.02))``

    Args:
        condition: called again and again, at least once.
        timeout: limit [s].
        what: finishes the sentence "waited 5.0 s for ..." in the failure.
        tick: called between two tries, for example to spin a node; without it the thread waits `interval` [s].

    Raises:
        AssertionError: the limit passed first.
    """
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:.1f} s for {what}; the last value was {value!r}")
        if tick is not None:
            tick()
        else:
            pause.wait(interval)
