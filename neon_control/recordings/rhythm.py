"""How often the messages of a stream come, and where some are missing: one definition, for the doctor and for evaluations.

An interval is a gap if it is longer than `GAP_FACTOR` usual ones, and by `GAP_LEAST` seconds: one lost image of a camera is none yet, and a
joint state that waits for a busy computer is none either. The rate is that of the mean interval that is no gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GAP_FACTOR, GAP_LEAST = 2.5, 0.05
LONG_SHARE = 0.1  # of the intervals, the longest ones, which do not count in what is usual


@dataclass(frozen=True)
class Rhythm:
    """Of n messages in order of time."""

    period: float  # [s] mean interval that is no gap; NaN below two messages
    limit: float  # [s] beyond it, an interval is a gap
    is_gap: np.ndarray  # (n - 1,)


def rhythm_of(intervals: np.ndarray) -> Rhythm:
    """Of the intervals (n - 1,) [s] between messages, none of them below 0."""
    if not len(intervals):
        return Rhythm(np.nan, np.nan, np.zeros(0, bool))
    # Of messages that come in pairs the median interval is next to nothing: then the mean says what is usual, without what may be gaps.
    short = np.sort(intervals)[: len(intervals) - int(np.ceil(LONG_SHARE * len(intervals)))]
    usual = max(float(np.median(intervals)), float(short.mean()) if len(short) else 0.0)
    limit = max(GAP_FACTOR * usual, usual + GAP_LEAST)
    is_gap = intervals > limit
    return Rhythm(float(intervals[~is_gap].mean()), limit, is_gap)
