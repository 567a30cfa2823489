"""How evenly the messages of a stream come: rate, jitter, gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neon_control.recordings.rhythm import rhythm_of


@dataclass(frozen=True)
class StreamFigures:
    """One stream in one episode."""

    messages: int
    rate_hz: float  # of the mean interval that is no gap; NaN below two messages
    jitter_s: float  # nine of ten intervals differ from that mean by less; gaps do not count
    longest_s: float  # longest interval
    gaps: tuple[tuple[float, float], ...]  # begin [s] since the episode's begin, length [s]
    lost: float  # share of the episode that lies within gaps, and before the first and after the last message
    backwards: int  # messages stamped before the one before them


def stream_figures(times: np.ndarray, begin: float, end: float) -> StreamFigures:
    """Of messages at `times` (n,) [s] in the order in which they came, in an episode from `begin` to `end` [s].

    Worked example: messages at 0.0, 0.1, 0.2, 0.6, 0.7 in an episode of 1.0 s have 10 Hz, no jitter, a gap of 0.4 s at 0.2, and
    have lost (0.4 + 0.3) / 1.0 of it: the end is a gap, too.
    """
    backwards = int((np.diff(times) < 0).sum())
    rising = np.sort(times)
    intervals = np.diff(rising)
    if not len(intervals):
        return StreamFigures(len(times), np.nan, np.nan, np.nan, (), 1.0, backwards)
    rhythm = rhythm_of(intervals)
    even = np.abs(intervals[~rhythm.is_gap] - rhythm.period)
    gaps = [(float(rising[i] - begin), float(intervals[i])) for i in np.flatnonzero(rhythm.is_gap)]
    ends = [(0.0, float(rising[0] - begin)), (float(rising[-1] - begin), float(end - rising[-1]))]
    missing = [length for _, length in gaps] + [length for _, length in ends if length > rhythm.limit]
    return StreamFigures(
        messages=len(times),
        rate_hz=1.0 / rhythm.period if rhythm.period > 0.0 else np.nan,
        jitter_s=float(np.quantile(even, 0.9)) if len(even) else np.nan,
        longest_s=float(intervals.max()),
        gaps=tuple(gaps),
        lost=min(1.0, sum(missing) / max(end - begin, 1e-9)),
        backwards=backwards,
    )
