"""Who may send chunks, and how many: one publisher at a time, since two policies must not be averaged, and no flood."""

from __future__ import annotations

from neon_control.core.common.errors import ChunkError


class SourceGuard:
    """Follows the first publisher of a stream until it has been silent for `timeout` [s], then whoever speaks next.

    A restarted inference node is a new publisher: it is taken over after the old one's silence, and counted in `changes`.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.changes = 0
        self._source: object = None
        self._heard = 0  # [ns]
        self._any = False

    def accept(self, source: object, now: int) -> bool:
        """Note a chunk from `source` at `now` [ns]; True when it is a new publisher, so that older chunks must go.

        Raises:
            ChunkError: with reason `other_publisher`, while the one that is followed still speaks.
        """
        changed = self._any and source != self._source
        if changed and now - self._heard < self.timeout * 1e9:
            raise ChunkError("other_publisher", "two publishers send chunks at once; the first one is followed")
        self.changes += changed
        self._source, self._heard, self._any = source, now, True
        return changed

    def release(self) -> None:
        """Follow whoever speaks next: what was heard belongs to another time."""
        self._heard = -(2**62)


class FloodLimit:
    """Lets `burst` chunks pass at once and `rate` [1/s] in the long run; what is more is not even read."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._left = float(burst)
        self._last = 0.0  # [s]

    def allow(self, now: float) -> bool:
        """Whether one more may pass at `now` [s, monotonic]."""
        self._left = min(self.burst, self._left + (now - self._last) * self.rate)
        self._last = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
