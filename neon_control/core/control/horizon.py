"""A latency that a chunk does not reach across: named with its figures and with what would mend it.

A chunk has nothing to say after its last step, (H - 1) * dt after its observation. What takes longer than that is never executed, however
good it is, and counting it as late explains nothing to who has only put a larger backbone in.
"""

from __future__ import annotations

import math

SPARE = 1.25  # of the latency, that the horizon should reach: it varies, and the chunk is also to be followed for a while


def too_late(what: str, latency: float, dt: float, num_steps: int, two_rates: bool = False, chunk_timeout: float = math.inf) -> str:
    """Why no step of a chunk is in time; empty if some is.

    Args:
        what: from where to where `latency` [s] was measured.
        dt, num_steps: [s] between two steps, and H.
        two_rates: whether the action layer already runs more often than the backbone.
        chunk_timeout: [s] as set in the executor, if it is known.
    """
    horizon = (num_steps - 1) * dt
    if latency <= horizon:
        return ""
    needed = math.ceil(SPARE * latency / dt - 1e-6) + 1
    mends = f"raise num_action_steps to {needed}" + ("" if two_rates else " or use head_rate_hz")
    timeout = f", and chunk_timeout to {SPARE * latency:.2f} s" if chunk_timeout < SPARE * latency else ""
    return f"{what} {1e3 * latency:.0f} ms, horizon {1e3 * horizon:.0f} ms ({num_steps} steps of {1e3 * dt:.0f} ms): {mends}{timeout}"
