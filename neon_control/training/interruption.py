"""Ctrl-C between two steps, never within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptions() -> Iterator[threading.Event]:
    """While this lasts, SIGINT and SIGTERM (which torchrun passes on) set the event; a second signal acts as it otherwise would."""
    wanted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted  # only the main thread receives signals
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: object) -> None:
        wanted.set()
        for each, handler in previous.items():
            signal.signal(each, handler)

    for number in previous:
        signal.signal(number, note)
    try:
        yield wanted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
