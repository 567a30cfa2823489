"""Counters and percentiles of what is measured while it runs, told by the diagnostics under one kind of key."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

import numpy as np

WINDOW = 600  # newest values of each latency: one minute at 10 Hz


class Percentiles:
    """A window over the last `size` values of one quantity."""

    def __init__(self, size: int = 2000) -> None:
        self._values = np.zeros(size)
        self._count = 0

    def add(self, value: float) -> None:
        """Take one value; the oldest makes room."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    @property
    def values(self) -> np.ndarray:
        """(n,) a copy of the window, in no order."""
        return np.array(self._values[: self._count])


def percentiles(name: str, values: np.ndarray, high: int = 99) -> dict[str, float]:
    """`<name>/p50`, `<name>/p<high>` and `<name>/max` of values (n,); NaN without one."""
    summary = (*np.percentile(values, (50, high)), values.max()) if len(values) else (np.nan,) * 3
    return {f"{name}/{label}": float(value) for label, value in zip(("p50", f"p{high}", "max"), summary, strict=True)}


class Statistics:
    """Thread-safe counters since the start, and percentiles over the newest values: of a running inference, by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._windows: defaultdict[str, Percentiles] = defaultdict(lambda: Percentiles(WINDOW))

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[name] += amount

    def record(self, **values: float) -> None:
        """Add one value to each named latency, for example ``record(inference_ms=12.3)``."""
        with self._lock:
            for name, value in values.items():
                self._windows[name].add(value)

    def counter(self, name: str) -> int:
        """The value of one counter."""
        with self._lock:
            return self._counters[name]

    def summary(self) -> dict[str, float]:
        """Every counter, and the `percentiles` of every latency."""
        with self._lock:
            summary: dict[str, float] = dict(self._counters)
            windows = {name: window.values for name, window in self._windows.items()}
        for name, values in windows.items():
            summary |= percentiles(name, values)
        return summary
