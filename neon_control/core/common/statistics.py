"""Counters and latencies of a running inference, written by its thread and read by the diagnostics."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque

import numpy as np

WINDOW = 600  # newest values of each latency: one minute at 10 Hz


class Statistics:
    """Thread-safe counters since the start, and percentiles over the newest values."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._values: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[name] += amount

    def record(self, **values: float) -> None:
        """Add one value to each named latency, for example ``record(inference_ms=12.3)``."""
        with self._lock:
            for name, value in values.items():
                self._values[name].append(value)

    def counter(self, name: str) -> int:
        """The value of one counter."""
        with self._lock:
            return self._counters[name]

    def summary(self) -> dict[str, float]:
        """Every counter, and `<name>_p50`, `<name>_p99` of every latency."""
        with self._lock:
            counters = dict(self._counters)
            values = {name: np.array(window) for name, window in self._values.items()}
        percentiles = {f"{name}_p{q}": float(np.percentile(window, q)) for name, window in values.items() for q in (50, 99)}
        return {**counters, **percentiles}
