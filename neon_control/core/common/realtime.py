"""Optional real-time privileges of a Linux thread and process. What the system refuses is reported, not fatal."""

from __future__ import annotations

import ctypes
import gc
import os
from dataclasses import dataclass

from neon_control.core.common.fields import setting

SWITCH_INTERVAL = 0.00002  # [s] how long a callback may keep the interpreter from a control thread, for `sys.setswitchinterval`
_PR_SET_TIMERSLACK = 29
_MCL_CURRENT_AND_FUTURE = 1 | 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 32 * 2**20  # [bytes] glibc takes no larger threshold for mmap
_TOUCHED = 16 * 2**20  # [bytes] a message of 8 MiB, twice: as the middleware gives it, and as Python's bytes


@dataclass(frozen=True)
class RealtimeSettings:
    """What the control thread asks the system for; the defaults need no rights."""

    priority: int = setting(0, "SCHED_FIFO priority of the control thread, 0: normal", minimum=0, maximum=99)
    cpus: tuple[int, ...] = setting((), "CPUs of the control thread, empty: any", minimum=0)
    lock_memory: bool = setting(False, "keep the process in memory (mlockall)")
    freeze_gc: bool = setting(True, "exempt the objects of the start-up from garbage collection")


def apply(settings: RealtimeSettings, large_messages: bool = True) -> list[str]:
    """Apply to the calling thread (priority, CPUs, timer slack) and its process (memory, garbage collection).

    Args:
        large_messages: the thread may be sent messages of MB; memory for them is then kept for each thread that asks, also after its end.

    Returns:
        One sentence for each thing that could not be had.
    """
    refused: list[str] = []
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # [ns] the default lets a sleep end 50 us late
    if settings.freeze_gc:
        gc.collect()
        gc.freeze()
    if large_messages:
        _keep_freed_memory(libc)
    if settings.lock_memory and libc.mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        refused.append(f"memory not locked: {os.strerror(ctypes.get_errno())} (raise the memlock limit)")
    if settings.cpus:
        try:
            os.sched_setaffinity(0, settings.cpus)
        except OSError as error:
            refused.append(f"control thread not bound to CPUs {list(settings.cpus)}: {error.strerror}")
    if settings.priority:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(settings.priority))
        except OSError as error:
            refused.append(f"no SCHED_FIFO priority {settings.priority}: {error.strerror} (raise the rtprio limit)")
    return refused


def _keep_freed_memory(libc: ctypes.CDLL) -> None:
    """Large blocks come from memory that this thread has used before.

    Otherwise the system maps each of them anew, and fills each page with zeros when it is first touched: to take a message of 8 MiB that is
    refused anyway cost 12 ms, and 3 ms without.
    """
    if not hasattr(libc, "mallopt"):  # a C library other than glibc
        return
    libc.mallopt(_M_MMAP_THRESHOLD, _KEPT)
    libc.mallopt(_M_TRIM_THRESHOLD, 2 * _KEPT)
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(_TOUCHED))
    if block:
        ctypes.memset(block, 0, _TOUCHED)
        libc.free(ctypes.c_void_p(block))
