"""A run of ONNX Runtime that ends: a graph may hold a loop without end, or one that gathers results until the memory is full."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnxruntime

from neon_control.core.common.errors import PolicyError

LOOK_PERIOD = 0.05  # [s]
RESIDENT = Path("/proc/self/statm")  # Linux; elsewhere only time is bounded


@contextmanager
def bounded(options: onnxruntime.RunOptions, seconds: float, growth: int) -> Iterator[None]:
    """Runs with these options, inside, are broken off after so many seconds, or when this process has grown by so many bytes.

    ONNX Runtime looks between two operations, and in a loop before each round; a single operation is not interrupted.

    Raises:
        PolicyError: it was broken off.
    """
    done, begin, before = threading.Event(), time.monotonic(), _resident()
    why = ""

    def watch() -> None:
        nonlocal why
        while not why and not done.wait(LOOK_PERIOD):
            if time.monotonic() - begin > seconds:
                why = f"one run does not end within {seconds:g} s"
            elif (grown := _resident() - before) > growth:
                why = f"one run takes {grown >> 20} MB of memory, at most {growth >> 20} are given"
        options.terminate = bool(why)

    watcher = threading.Thread(target=watch, name="bounded run", daemon=True)
    watcher.start()
    try:
        yield
    except Exception as error:  # ONNX Runtime raises a RuntimeError where it was told to end
        raise PolicyError(why) if why else error from error
    finally:
        done.set()
        watcher.join()
        options.terminate = False


def _resident() -> int:
    """[bytes] of memory that this process holds."""
    try:
        return int(RESIDENT.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
