"""Work spread over processes of this computer that neither outlive whoever started them nor speak of a Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from neon_control.core.common.errors import NeonControlError
from neon_control.core.common.thread_pools import let_idle_threads_sleep

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_processes(
    work: Callable[[Item], Made], items: Sequence[Item], workers: int, start: Callable[..., None], arguments: tuple[Any, ...]
) -> Generator[Made, None, None]:
    """What `work` makes of each item, in the order in which it is ready; closed early, it begins no further item.

    Both functions belong to a module. `start` is called with `arguments` in each of at most `workers` processes before its first item, and
    should not raise: leave what may fail to `work`.

    Raises:
        NeonControlError: a process was killed, for example for want of memory.
        Exception: what `work` raised; the other processes finish their item.
    """
    if not items:
        return
    # spawn: no thread, GPU or graphics context survives a fork, and numeric libraries read their settings when they are loaded
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)), context, _start, (start, arguments)) as pool:
        with _settings_to_inherit():
            futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise NeonControlError(
                "a worker process was killed, perhaps because the memory is full (fewer --workers need less); "
                "what is finished is kept, so run the same command again"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _settings_to_inherit() -> Iterator[None]:
    """One thread for numpy, as in the inference node: OpenBLAS's others spin, and change the log-mel spectrograms in the last digit, which
    the 8-bit audio encoder makes 0.05 of. And no Ctrl-C, which reaches all processes of a terminal, before `_start`: one that still imports
    would answer with a traceback.
    """
    before = dict(os.environ)
    let_idle_threads_sleep()
    resource_tracker.ensure_running()  # of multiprocessing's own; starting it would let Ctrl-C in again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.environ.clear()
        os.environ.update(before)


def _start(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(*arguments)


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
