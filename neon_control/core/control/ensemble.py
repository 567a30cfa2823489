"""The temporal ensemble: several chunks, one instant, one target.

A chunk of H steps is a function of time: step i holds at ``stamp + i * dt`` and values between two steps are interpolated
linearly. Chunks overlap, so at an instant t several are live; each casts one vote, its value at t. A method weighs the
votes, oldest first (i = 0 has the oldest stamp; the weights are normalised to sum to one):

    act      w_i = exp(-m i)                    rank of the vote, as in ACT (Zhao et al. 2023); m < 0 favours the newest
    age      w_i = exp(-(age_i - age_min) / tau)   age in seconds, for chunks that arrive irregularly
    latest   the newest vote alone
    blend    w_i = g_i * prod_{j > i} (1 - g_j)    the newest fades in over a horizon, from what was there before

For `blend`, g goes from 0 to 1 within `blend_horizon` after the chunk's vote began (`linear`, or `exponential`
(exp(x) - 1) / (e - 1) * x, which starts more gently). A fade ends before the chunks that it fades from do, so the target never jumps.

Nothing is extrapolated: beyond its last step a chunk has no vote. Latency needs no correction, because a chunk that
arrives 120 ms after its observation is simply evaluated at its seventh step.
"""

from __future__ import annotations

import bisect
import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neon_control.core.common.errors import ChunkError, ConfigError
from neon_control.core.common.fields import setting
from neon_control.core.control.chunk import ActionChunk, between_steps
from neon_control.core.robot.turns import near, unrolled
from neon_control.core.sensing.measured import MAX_FUTURE

METHODS = ("act", "age", "latest", "blend")
FADES = ("linear", "exponential")
NO_COLUMNS = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True)
class EnsembleSettings:
    """Method and coefficients of one stream."""

    FURTHER_FIELDS: ClassVar[bool] = True

    method: str = setting("latest", "how overlapping chunks are combined", choices=METHODS)
    m: float = setting(0.01, "act: weight exp(-m i) of vote i, oldest first", minimum=-10.0, maximum=10.0)
    tau: float = setting(0.1, "age: weight exp(-age / tau)", unit="s", minimum=0.001, maximum=100.0)
    blend_horizon: float = setting(0.1, "blend: duration of a cross-fade", unit="s", minimum=0.0, maximum=10.0)
    blend_fade: str = setting("linear", "blend: shape of a cross-fade", choices=FADES)


class Ensemble:
    """The live chunks of one stream (joints or base).

    Time `t` is the instant that is commanded, in ns on the clock of the stamps; the caller adds any look-ahead to it.

    Args:
        num_steps: H, the same for all chunks.
        dim: D, columns of a chunk.
        capacity: chunks held at once; the oldest makes room.
        turning: columns of joints that turn without end: from step to step they go the nearest way, and all chunks count the same turns.
        newest: columns (A,) for which only the newest vote counts, whatever the method.
    """

    def __init__(
        self,
        num_steps: int,
        dim: int,
        settings: EnsembleSettings | None = None,
        capacity: int = 64,
        turning: Sequence[int] | np.ndarray = (),
        newest: np.ndarray = NO_COLUMNS,
    ) -> None:
        if num_steps < 2 or capacity < 1:
            raise ConfigError(f"an ensemble needs at least 2 steps and room for 1 chunk, got {num_steps} and {capacity}")
        self.num_steps = num_steps
        self.settings = settings or EnsembleSettings()
        self.capacity = capacity
        self._turning = np.array(turning, dtype=np.intp)
        self._newest_alone = newest
        self.out_of_order = 0  # chunks accepted although a newer one was there
        self.votes = 0  # live chunks at the last evaluation
        self._known_weights: dict[int, np.ndarray] = {}  # number of votes -> weights, where they depend on nothing else
        self._spans: list[tuple[int, int, int]] = []  # (stamp, instant of the last step [ns], slot), oldest first
        self._values = np.zeros((capacity, num_steps, dim))  # (C, H, D)
        self._rows = self._values.reshape(capacity * num_steps, dim)  # (C H, D), the same memory
        self._stamps = np.zeros(capacity, dtype=np.int64)  # (C,) [ns]
        self._dts = np.ones(capacity)  # (C,) [s]
        self._fade_from = np.zeros(capacity, dtype=np.int64)  # (C,) [ns] instant from which it has a vote
        self._fade_length = np.zeros(capacity)  # (C,) [s] 0: at full weight from the start

    @property
    def newest_stamp(self) -> int | None:
        """[ns] newest stamp held."""
        return self._spans[-1][0] if self._spans else None

    @property
    def newest_end(self) -> int | None:
        """[ns] instant of its last step."""
        return self._spans[-1][1] if self._spans else None

    @property
    def newest_dt(self) -> float:
        """[s] between two steps of the chunk with the newest stamp; NaN without one."""
        return float(self._dts[self._spans[-1][2]]) if self._spans else math.nan

    def frozen(self) -> Ensemble:
        """The same with what it holds now, for another thread; it is to be evaluated only."""
        same, slots = copy.copy(self), np.array([slot for _, _, slot in self._spans], dtype=np.intp)
        same._spans = [(stamp, end, i) for i, (stamp, end, _) in enumerate(self._spans)]
        same._values, same._stamps, same._dts = self._values[slots], self._stamps[slots], self._dts[slots]
        same._fade_from, same._fade_length = self._fade_from[slots], self._fade_length[slots]
        same._rows = same._values.reshape(-1, self._values.shape[2])
        same._known_weights = dict(self._known_weights)
        return same

    def add(self, chunk: ActionChunk, t: int, look_ahead: int = 0) -> None:
        """Take a chunk of H steps and D columns that arrives at instant t, which lies `look_ahead` [ns] ahead of the clock.

        Raises:
            ChunkError: with reason `late` (it ends before t), `future` (its stamp lies ahead of the clock) or `duplicate`.
        """
        stamp = chunk.stamp
        if chunk.end < t:
            raise ChunkError(
                "late", f"the chunk ended {(t - chunk.end) * 1e-9:.3f} s ago; its observation is {(t - stamp) * 1e-9:.3f} s old"
            )
        ahead = (stamp - (t - look_ahead)) * 1e-9  # [s]
        if ahead > MAX_FUTURE:
            raise ChunkError("future", f"the chunk's stamp lies {ahead:.3f} s ahead of this clock; {MAX_FUTURE} s is allowed")
        values = self._unrolled(chunk, t) if self._turning.size else chunk.values
        self._spans = [span for span in self._spans if span[1] >= t]  # what has ended makes room
        place = bisect.bisect_left(self._spans, (stamp,))
        if place < len(self._spans) and self._spans[place][0] == stamp:
            raise ChunkError("duplicate", f"a chunk with stamp {stamp} ns is already there")
        if place < len(self._spans):
            self.out_of_order += 1
        live = max(t, stamp)  # [ns] when its vote begins: its stamp may lie a little ahead
        last_end = max((end for _, end, _ in self._spans), default=live)
        fade = min(self.settings.blend_horizon, max(0.0, (last_end - live) * 1e-9))
        slot = self._free_slot()
        bisect.insort(self._spans, (stamp, chunk.end, slot))
        self._values[slot] = values
        self._stamps[slot], self._dts[slot] = stamp, chunk.dt
        self._fade_from[slot], self._fade_length[slot] = live, fade

    def evaluate(self, t: int) -> np.ndarray | None:
        """The target (D,) at instant t, or None without a live chunk."""
        slots = [slot for start, end, slot in self._spans if start <= t <= end]
        self.votes = len(slots)
        if not slots:
            return None
        if self.settings.method == "latest":
            return self._newest(slots[-1], t)
        target = self._combined(np.array(slots), t)
        if len(self._newest_alone):
            target[self._newest_alone] = self._newest(slots[-1], t)[self._newest_alone]
        return target

    def clear(self) -> None:
        """Forget all chunks (the clock jumped back, or another publisher took over)."""
        self._spans.clear()

    def _unrolled(self, chunk: ActionChunk, t: int) -> np.ndarray:
        """The chunk's values (H, D) in which joints that turn without end go on evenly, at `t` next to what is held."""
        votes, held = self.votes, self.evaluate(t)
        self.votes = votes
        values = unrolled(chunk.values, self._turning)
        if held is not None:
            step = min(max(round((t - chunk.stamp) * 1e-9 / chunk.dt), 0), self.num_steps - 1)
            here = values[step, self._turning]
            values[:, self._turning] += near(here, held[self._turning]) - here
        return values

    def _newest(self, slot: int, t: int) -> np.ndarray:
        """The value (D,) of one chunk at t: what `_combined` gives for a single vote, at a fraction of its cost."""
        step, share = between_steps((t - int(self._stamps[slot])) * 1e-9, float(self._dts[slot]), self.num_steps)
        values = self._values[slot]  # (H, D)
        return np.asarray((1.0 - share) * values[step] + share * values[step + 1])

    def _combined(self, slots: np.ndarray, t: int) -> np.ndarray:
        """The weighted votes (D,) of the live chunks in `slots` (V,), oldest first."""
        steps, shares = between_steps((t - self._stamps[slots]) * 1e-9, self._dts[slots], self.num_steps)  # (V,) each
        weights = self._weights(slots, t)
        weights = np.concatenate([weights * (1.0 - shares), weights * shares])  # (2 V,)
        rows = slots * self.num_steps + steps
        return np.asarray(weights @ self._rows[np.concatenate([rows, rows + 1])])

    def _weights(self, slots: np.ndarray, t: int) -> np.ndarray:
        """Normalised weights (V,) of the live chunks, oldest first."""
        settings, count = self.settings, len(slots)
        if settings.method == "blend":
            weights = self._fading(slots, t)
        elif count in self._known_weights:
            return self._known_weights[count]
        elif settings.method == "act":
            weights = np.exp(-settings.m * np.arange(count))
        else:
            weights = np.exp((self._stamps[slots] - self._stamps[slots[-1]]) * (1e-9 / settings.tau))
        weights = weights / weights.sum()
        if settings.method == "act":
            self._known_weights[count] = weights
        return np.asarray(weights)

    def _fading(self, slots: np.ndarray, t: int) -> np.ndarray:
        length = self._fade_length[slots]
        x = np.clip((t - self._fade_from[slots]) * 1e-9 / np.maximum(length, 1e-9), 0.0, 1.0)
        x[length == 0.0] = 1.0
        gain = x if self.settings.blend_fade == "linear" else x * np.expm1(x) / np.expm1(1.0)  # (V,)
        weights = gain.copy()
        weights[:-1] *= np.cumprod((1.0 - gain)[:0:-1])[::-1]  # what the newer chunks leave to each
        if weights.sum() <= 0.0:
            weights[0] = 1.0
        return np.asarray(weights)

    def _free_slot(self) -> int:
        if len(self._spans) == self.capacity:
            return self._spans.pop(0)[2]
        return min(set(range(self.capacity)) - {slot for _, _, slot in self._spans})
