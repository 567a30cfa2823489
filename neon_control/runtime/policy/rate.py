"""How often to infer: on fresh images, and on average not more often than asked."""

from __future__ import annotations

from neon_control.core.common.nanoseconds import NANOSECONDS

SLACK = 0.1  # in events: an event may come this early, so that jitter does not cost a whole period


class InferenceRate:
    """Chooses events (arriving images) so that their mean rate stays at or below a limit.

    A credit grows by `rate_hz` each second up to 2, and each chosen event costs 1. Worked example, camera at 15 Hz, limit 10 Hz: images at
    0, 133, 200, 333, 400 ms are chosen, two of three, each one fresh. A plain timer of 10 Hz would act on images that are up to 67 ms old.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate = rate_hz
        self._credit = 1.0
        self._last: int | None = None

    def allows(self, now: int) -> bool:
        """Whether to act on the event at `now` [ns]; if so, it is paid for."""
        if self._last is not None:
            elapsed = max(0, now - self._last) / NANOSECONDS  # a clock that was set back gives no credit
            self._credit = min(2.0, self._credit + elapsed * self._rate)
        self._last = now
        if self._credit < 1.0 - SLACK:
            return False
        self._credit -= 1.0
        return True
