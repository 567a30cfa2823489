"""Keep numeric libraries from taking whole cores.

numpy's OpenBLAS starts a thread on every core, and those threads spin between two calls: a log-mel spectrogram ten times a second cost
75 % of a core that way. OpenMP pools (CTranslate2) do the same. Both read their settings when they are loaded, so this has to be called
before numpy is imported; this module imports nothing but the standard library.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",  # matrices here are small; one thread is also the faster choice
    "OMP_WAIT_POLICY": "PASSIVE",  # idle OpenMP threads sleep
    "KMP_BLOCKTIME": "0",  # the same for Intel's OpenMP, in ms
}


def let_idle_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what the user has not set."""
    for name, value in SETTINGS.items():
        environment.setdefault(name, value)
