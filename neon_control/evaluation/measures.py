"""Numbers from a run: how far from what was done on the day, how smooth, how often limited, and what the inputs were like.

Units follow the dimension: rad for joints, m/s and rad/s for the base. What was not recorded is NaN and counts nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neon_control.core.control.supervisor import FOLLOWING
from neon_control.evaluation.offline import MethodRun, Run
from neon_control.evaluation.recorded_day import MessageTimes, RecordedDay
from neon_control.recordings.rhythm import rhythm_of
from neon_control.runtime.policy.policy_file import PolicyFile


@dataclass(frozen=True)
class ChunkErrors:
    """Chunks beside what was done: K chunks, H steps, N dimensions."""

    times: np.ndarray  # (K, H) [ns]
    predicted: np.ndarray  # (K, H, N)
    recorded: np.ndarray  # (K, H, N), NaN where nothing was recorded

    @property
    def error(self) -> np.ndarray:
        """(K, H, N) predicted minus recorded."""
        return np.asarray(self.predicted - self.recorded)


def chunk_errors(run: Run, recording: RecordedDay) -> ChunkErrors:
    """Every step of every chunk, and what was done at that instant."""
    file = run.policy.file
    times = np.array([c.instants for _, c in run.chunks], np.int64).reshape(-1, file.num_steps)
    predicted = np.array([c.values for _, c in run.chunks]).reshape(-1, file.num_steps, file.space.dim)
    return ChunkErrors(times, predicted, recording.actions(file.space, times, file.dt))


def mean_abs(values: np.ndarray, axis: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Mean of absolute values over what is not NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    total = np.where(known, np.abs(values), 0.0).sum(axis=axis)
    count = known.sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def percentile(values: np.ndarray, q: float) -> float:
    """Of absolute values that are not NaN; NaN where there is none."""
    return of_known(lambda known: np.percentile(np.abs(known), q), values)


def of_known(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
    """Of what is not NaN; NaN where nothing is left."""
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else float("nan")


@dataclass(frozen=True)
class MethodFigures:
    """One method of ensembling over the whole run; joints only, but for `limited`."""

    error: float  # [rad] mean distance of the target from what was done
    jump: float  # [rad] mean over the chunks of the largest change of any joint's target when the chunk arrived
    worst_jump: float  # [rad]
    acceleration: float  # [rad/s^2] root mean square of the commands
    following: float  # share of the ticks in which the policy was followed
    limited: int  # how often a limit bit
    stops: str  # how often following ended, by cause
    waits: str  # share of the ticks without following, by cause


def method_figures(method: MethodRun, file: PolicyFile, recording: RecordedDay) -> MethodFigures:
    """The figures of one method."""
    times, joints = np.array(method.times, np.int64), slice(0, file.space.num_joints)
    targets, commands = np.array(method.targets)[:, joints], np.array(method.commands)[:, joints]
    jumps = method.jump_sizes(joints)
    change = np.diff(commands, 2, axis=0) / method.executor.period**2
    stops, waits = method.executor.supervisor.stops, Counter(c for c in method.causes if c)
    return MethodFigures(
        error=float(mean_abs(targets - recording.actions(file.space, times, file.dt)[:, joints])),
        jump=of_known(np.mean, jumps),
        worst_jump=of_known(np.max, jumps),
        acceleration=float(np.sqrt(of_known(np.mean, change**2))),
        following=float(np.mean([s in FOLLOWING for s in method.states])) if method.states else 0.0,
        limited=sum(int(counts.sum()) for counts in method.executor.limiter.counts.values()),
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
    period: float  # [s] mean interval that is no gap
    longest: float  # [s] longest interval
    gaps: list[tuple[int, float]]  # begin [ns], length [s]
    delay: float  # [s] median from stamp to reception, NaN without stamps
    delay_p99: float  # [s]


def input_figures(stream: MessageTimes) -> InputFigures:
    """Rate, gaps and delay of one topic."""
    received = np.array(stream.received, np.int64)
    intervals = np.diff(received) * 1e-9
    rhythm = rhythm_of(intervals)
    gaps = [(int(received[i]), float(intervals[i])) for i in np.flatnonzero(rhythm.is_gap)]
    delay, delay_p99 = (of_known(partial(np.percentile, q=q), stream.delays) for q in (50, 99))
    return InputFigures(len(received), rhythm.period, of_known(np.max, intervals), gaps, delay, delay_p99)


def sync_skew(recording: RecordedDay) -> dict[str, np.ndarray]:
    """For each image [s]: how far the nearest joint state is from it, and how far the sound that has arrived ends before it."""
    camera = recording.streams[recording.inputs["camera"]]
    images = camera.times
    skew = {"joint_states": _nearest(images, np.sort(recording.streams[recording.inputs["joint_states"]].times))}
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
