"""A process that ends with the one that started it (Linux)."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def parent_death(number: signal.Signals) -> Callable[[], object]:
    """A call that asks Linux to send its process `number` once its parent is gone. Made before a fork, it can be called after it."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, number)
