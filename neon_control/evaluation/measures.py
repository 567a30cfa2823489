"""Numbers from a run: how far from what was done on the day, how smooth, how often limited, and what the inputs were like.

Units follow the dimension: rad for joints, m/s and rad/s for the base. What was not recorded is NaN and counts nowhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.action_space import ActionSpace
from neon_control.evaluation.offline import Run
from neon_control.evaluation.recorded_day import Recording, Stream

GAP_FACTOR, GAP_LEAST = 2.5, 0.05  # an interval beyond so many mean ones, and so many seconds beyond one, is a gap


@dataclass(frozen=True)
class ChunkErrors:
    """Chunks beside what was done: K chunks, H steps, N dimensions."""

    times: np.ndarray  # (K, H) [ns]
    predicted: np.ndarray  # (K, H, N)
    recorded: np.ndarray  # (K, H, N), NaN where nothing was recorded

    @property
    def error(self) -> np.ndarray:
        """(K, H, N) predicted minus recorded."""
        result: np.ndarray = self.predicted - self.recorded
        return result


def chunk_errors(run: Run, recording: Recording) -> ChunkErrors:
    """Every step of every chunk, and what was done at that instant."""
    file = run.policy.file
    steps = np.round(np.arange(file.num_steps) * file.dt * 1e9).astype(np.int64)  # (H,)
    stamps = np.array([c.stamp for _, c in run.chunks], np.int64)  # (K,)
    times = stamps[:, None] + steps
    predicted = np.zeros((len(stamps), file.num_steps, file.space.dim))
    for row, (_, chunk) in zip(predicted, run.chunks, strict=True):
        row[:] = np.concatenate([chunk.joints, chunk.base], axis=1)
    return ChunkErrors(times, predicted, recording.actions(file.space, times))


def mean_abs(values: np.ndarray, axis: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Mean of absolute values over what is not NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    total = np.where(known, np.abs(values), 0.0).sum(axis=axis)
    count = known.sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def percentile(values: np.ndarray, q: float) -> float:
    """Of absolute values that are not NaN; NaN where there is none."""
    known = np.abs(values[np.isfinite(values)])
    return float(np.percentile(known, q)) if len(known) else float("nan")


@dataclass(frozen=True)
class MethodFigures:
    """One method of ensembling over the whole run; joints only, but for `limited`."""

    error: float  # [rad] mean distance of the target from what was done
    jump: float  # [rad] mean over the chunks of the largest change of any joint's target when the chunk arrived
    worst_jump: float  # [rad]
    acceleration: float  # [rad/s^2] root mean square of the commands
    following: float  # share of the ticks in which the policy was followed
    limited: np.ndarray  # (N,) ticks in which any limit bit
    stops: str  # how often following ended, by cause
    waits: str  # share of the ticks without following, by cause


def method_figures(run: Run, recording: Recording) -> dict[str, MethodFigures]:
    """The figures of each method."""
    space = run.policy.file.space
    return {name: _figures(run, name, recording, space) for name in run.methods}


def _figures(run: Run, name: str, recording: Recording, space: ActionSpace) -> MethodFigures:
    method = run.methods[name]
    times, joints = np.array(method.times, np.int64), slice(0, space.num_joints)
    targets, commands = np.array(method.targets)[:, joints], np.array(method.commands)[:, joints]
    jumps = np.array([np.abs(j[joints]).max() for _, j in method.jumps])
    period = method.executor.period
    change = np.diff(commands, 2, axis=0) / period**2
    change = change[np.isfinite(change)]
    stops, waits = method.executor.supervisor.stops, Counter(c for c in method.causes if c)
    return MethodFigures(
        error=float(mean_abs(targets - recording.actions(space, times)[:, joints])),
        jump=float(jumps.mean()) if len(jumps) else float("nan"),
        worst_jump=float(jumps.max()) if len(jumps) else float("nan"),
        acceleration=float(np.sqrt(np.mean(change**2))) if len(change) else float("nan"),
        following=float(np.mean([s in ("ramping", "running") for s in method.states])) if method.states else 0.0,
        limited=np.sum([method.executor.limiter.counts[c] for c in method.executor.limiter.counts], axis=0),
        waits=", ".join(
            f"{cause} {100.0 * n / len(method.causes):.0f} %" for cause, n in sorted(waits.items()) if n > 0.005 * len(method.causes)
        )
        or "none",
        stops=", ".join(f"{cause} {count}" for cause, count in sorted(stops.items())) or "none",
    )


@dataclass(frozen=True)
class InputFigures:
    """How one topic came in."""

    messages: int
    period: float  # [s] mean: messages may come in bursts
    longest: float  # [s] longest interval
    gaps: list[tuple[int, float]]  # begin [ns], length [s]
    delay: float  # [s] median from stamp to reception, NaN without stamps
    delay_p99: float  # [s]


def input_figures(stream: Stream) -> InputFigures:
    """Rate, gaps and delay of one topic."""
    received = np.array(stream.received, np.int64)
    intervals = np.diff(received) * 1e-9
    period = float(np.mean(intervals)) if len(intervals) else float("nan")
    limit = max(GAP_FACTOR * period, period + GAP_LEAST) if len(intervals) else np.inf
    gaps = [(int(received[i]), float(intervals[i])) for i in np.flatnonzero(intervals > limit)]
    delays = np.array([r - s for r, s in zip(stream.received, stream.stamps, strict=True) if s is not None]) * 1e-9
    return InputFigures(
        len(received),
        period,
        float(intervals.max()) if len(intervals) else float("nan"),
        gaps,
        float(np.median(delays)) if len(delays) else float("nan"),
        float(np.percentile(delays, 99)) if len(delays) else float("nan"),
    )


def sync_skew(recording: Recording) -> dict[str, np.ndarray]:
    """For each image [s]: how far the nearest joint state is from it, and how far the sound that has arrived ends before it."""
    camera = recording.streams[recording.inputs["camera"]]
    images = np.array([s or r for r, s in zip(camera.received, camera.stamps, strict=True)], np.int64)
    states = recording.streams[recording.inputs["joint_states"]]
    skew = {"joint_states": _nearest(images, np.sort([s or r for r, s in zip(states.received, states.stamps, strict=True)]))}
    if "audio" in recording.inputs:
        sound = np.array(recording.streams[recording.inputs["audio"]].received, np.int64)
        arrived = np.searchsorted(sound, np.array(camera.received, np.int64), side="right") - 1
        skew["audio"] = np.where(arrived >= 0, (images - sound[np.maximum(arrived, 0)]) * 1e-9, np.nan)
    return skew


def _nearest(times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(n,) [s] signed distance from each time to the nearest of `grid`, both [ns]."""
    right = np.clip(np.searchsorted(grid, times), 1, len(grid) - 1) if len(grid) > 1 else np.zeros(len(times), int)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(times - grid[left]) <= np.abs(grid[right] - times), grid[left], grid[right])
    return np.asarray((times - nearest) * 1e-9)
