"""How old a message may be, and what is said of one that is too old, stamped ahead, or by another clock."""

from __future__ import annotations

from neon_control.core.common.nanoseconds import NANOSECONDS

CLOCKS_DIFFER_S = 1.0e5  # [s] beyond this an age is no age: one side runs on simulated time


def age_problem(stamp: int | None, now: int, limit: float, future: float) -> str:
    """What is wrong with a stamp [ns] at `now` [ns], older than `limit` [s] or further ahead than `future` [s]; empty: nothing."""
    if stamp is None:
        return "nothing received"
    age = (now - stamp) / NANOSECONDS
    if abs(age) > CLOCKS_DIFFER_S:
        hint = "check use_sim_time" if stamp else "its sender gives no stamp"
        return f"stamped {stamp / NANOSECONDS:.1f} s, but the clock says {now / NANOSECONDS:.1f} s; {hint}"
    if age > limit:
        return f"{age:.2f} s old, limit {limit} s"
    if age < -future:
        return f"stamped {-age:.2f} s in the future, limit {future} s; are the clocks synchronised?"
    return ""
