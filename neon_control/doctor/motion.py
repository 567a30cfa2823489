"""What the robot does in an episode: how long it stands still, how jerkily it moves, and how much of its joints' ranges it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IDLE_SPEED = 0.01  # [ranges/s] below this in every joint nothing is taught: 2 degrees a second of a joint of 200
SPEED_WINDOW_S = 0.2  # [s] over which a speed is measured: an encoder's noise of 1 mrad makes 5 mrad/s of it
BASE_SPEED = 0.01  # [m/s, rad/s] a base that is told to be faster moves
JERK_CELL_S = 0.05  # [s] states are averaged over it before the third difference, which is all noise otherwise
AT_LIMIT = 0.01  # of the range: nearer to its end is at its end
PERCENT = (1.0, 99.0)  # between which a joint's range counts as used: one glitch is no use


@dataclass(frozen=True)
class MotionFigures:
    """One episode. J joints, in the order of the action space."""

    idle: float  # share of the time in which nothing moves
    idle_begin_s: float  # at the begin
    idle_end_s: float  # at the end
    longest_idle_s: float
    jerk: float  # [rad/s^3] mean of the joints that move, of absolute values
    jumps: np.ndarray  # (J,) largest change of the measured position from one instant to the next, in ranges
    used: np.ndarray  # (J, 2) from where to where in the range, 0 to 1, without the outermost percents
    outside: np.ndarray  # (J,) share of the time outside the range
    at_limit: np.ndarray  # (J,) share of the time at an end of the range


def motion_figures(states: np.ndarray, step: float, lower: np.ndarray, upper: np.ndarray, base: np.ndarray) -> MotionFigures:
    """Of states (T, J) [rad], `step` [s] apart, two or more.

    Args:
        lower, upper: (J,) [rad] the joints' ranges.
        base: (T, 3 or 0) [m/s, rad/s] what the base is told.
    """
    width = upper - lower
    parts = (states - lower) / width
    moving = (np.abs(speeds(parts, step)) > IDLE_SPEED).any(axis=1) | (np.abs(np.nan_to_num(base)) > BASE_SPEED).any(axis=1)
    still = ~moving
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]]).astype(np.int8))).reshape(-1, 2)
    lengths = np.diff(edges, axis=1)[:, 0]
    slack = AT_LIMIT
    return MotionFigures(
        idle=float(still.mean()),
        idle_begin_s=float(lengths[0] * step) if len(edges) and edges[0, 0] == 0 else 0.0,
        idle_end_s=float(lengths[-1] * step) if len(edges) and edges[-1, 1] == len(still) else 0.0,
        longest_idle_s=float(lengths.max() * step) if len(lengths) else 0.0,
        jerk=mean_jerk(states, step, parts),
        jumps=np.abs(np.diff(parts, axis=0)).max(axis=0),
        used=np.percentile(parts, PERCENT, axis=0).T,
        outside=((parts < -slack) | (parts > 1.0 + slack)).mean(axis=0),
        at_limit=((np.abs(parts) <= slack) | (np.abs(parts - 1.0) <= slack)).mean(axis=0),
    )


def speeds(values: np.ndarray, step: float) -> np.ndarray:
    """(T, J) per second, each over `SPEED_WINDOW_S` around its time."""
    if len(values) < 2:
        return np.zeros_like(values)
    reach = max(1, round(0.5 * SPEED_WINDOW_S / step))
    rows = np.arange(len(values))
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach, len(values) - 1)
    return np.asarray((values[after] - values[before]) / ((after - before) * step)[:, None])


def mean_jerk(states: np.ndarray, step: float, parts: np.ndarray) -> float:
    """[rad/s^3] of joints that move by more than a hundredth of their range; NaN where none does, or for less than four cells."""
    size = max(1, round(JERK_CELL_S / step))
    cells = len(states) // size
    moving = np.ptp(parts, axis=0) > 0.01 if len(parts) else np.zeros(0, bool)
    if cells < 4 or not moving.any():
        return float("nan")
    means = states[: cells * size, moving].reshape(cells, size, -1).mean(axis=1)
    return float(np.abs(np.diff(means, 3, axis=0)).mean() / (size * step) ** 3)
