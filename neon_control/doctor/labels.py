"""Whether what was commanded can teach: how well the states that follow are told by it, how late, and how far.

For a lag of k steps, each moving joint's states are held to a line through its actions, state(t + k) = gain * action(t) + offset. What is
left of the movement, 0 to 1, is the error of that lag; the lag with the least error is the robot's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOVES = 0.01  # of a joint's range: one that moves less says nothing
LEAST = 20  # instants by which anything can be said
BEFORE_S, AFTER_S = 0.3, 1.0  # [s] lags that are tried: states before the actions, and after them
SAME = 1e-4  # of a joint's range: actions and states that differ by less are the same numbers


@dataclass(frozen=True)
class LabelFigures:
    """How an episode's states follow its actions."""

    lag_s: float  # [s] states after actions; negative: the actions come after the states
    lag_steps: float  # the same in steps of the comparison
    gain: float  # how far the states go for what is commanded, median of the moving joints
    offset: float  # [rad] largest mean distance of a moving joint from what is commanded, at that lag
    error: float  # what is left of the movement, 0 (all is told) to 1 (nothing is)
    joint_errors: np.ndarray  # (J,) the same of each joint at its own best lag; NaN where it does not move or is not commanded
    seconds: float  # of known actions, from the first to the last
    copied: bool  # the actions are the states of the same instant


def label_figures(actions: np.ndarray, states: np.ndarray, step: float, width: np.ndarray) -> LabelFigures | None:
    """Of actions (T, J), NaN where none is known, and states (T, J), both [rad] and `step` [s] apart; None where they say nothing.

    Args:
        width: (J,) [rad] of the joints' ranges.
    """
    known = np.isfinite(actions).all(axis=1) & np.isfinite(states).all(axis=1) if len(actions) else np.zeros(0, bool)
    if actions.shape[1] == 0 or known.sum() < LEAST:
        return None
    first, last = np.flatnonzero(known)[[0, -1]]
    action, state = actions[first : last + 1], states[first : last + 1]
    moving = np.flatnonzero(
        (np.ptp(state, axis=0) > MOVES * width) | (np.nanmax(action, axis=0) - np.nanmin(action, axis=0) > MOVES * width)
    )
    if not len(moving):
        return None
    count = len(action)
    lags = range(-min(round(BEFORE_S / step), count // 4), min(round(AFTER_S / step), count // 3) + 1)
    lefts = np.array([_left(action[:, moving], state[:, moving], lag) for lag in lags])  # (lags, moving joints)
    errors = np.sqrt(np.mean(lefts**2, axis=1))
    near = errors + 1e-6 * np.abs(np.array(lags))  # where all lags are equal, as of a straight line, the nearest one
    best = int(np.argmin(near))
    lag = lags[best] + _vertex(errors, best)
    one, two = _shifted(action, state, lags[best])
    gains = np.array([_gain(one[:, j], two[:, j]) for j in moving])
    offsets = np.nanmean(two[:, moving] - one[:, moving], axis=0)
    per_joint = np.full(actions.shape[1], np.nan)
    per_joint[moving] = lefts.min(axis=0)
    same = bool(np.nanmax(np.abs(action - state) / width) < SAME)
    error, offset = float(errors[best]), float(np.abs(offsets).max())
    return LabelFigures(lag * step, lag, float(np.nanmedian(gains)), offset, error, per_joint, count * step, same)


def _shifted(action: np.ndarray, state: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Actions, and the states `lag` steps after them."""
    return (action[: len(action) - lag], state[lag:]) if lag >= 0 else (action[-lag:], state[: len(state) + lag])


def _left(action: np.ndarray, state: np.ndarray, lag: int) -> np.ndarray:
    """(J,) the share of the movement that is not told by the actions; a joint that moves against them is told nothing of."""
    one, two = _shifted(action, state, lag)
    known = np.isfinite(one)
    one, two = np.where(known, one, 0.0), np.where(known, two, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    one, two = np.where(known, one - one.sum(axis=0) / count, 0.0), np.where(known, two - two.sum(axis=0) / count, 0.0)
    spread = np.sqrt((one**2).sum(axis=0) * (two**2).sum(axis=0))
    correlation = np.divide((one * two).sum(axis=0), spread, out=np.zeros(len(spread)), where=spread > 1e-12)
    return np.asarray(np.sqrt(np.clip(1.0 - np.maximum(correlation, 0.0) ** 2, 0.0, 1.0)))


def _gain(action: np.ndarray, state: np.ndarray) -> float:
    known = np.isfinite(action)
    one, two = action[known] - action[known].mean(), state[known] - state[known].mean()
    power = float((one**2).sum())
    return float((one * two).sum() / power) if power > 1e-12 else float("nan")


def _vertex(errors: np.ndarray, best: int) -> float:
    """Where between the steps the least squared error is: the vertex of the parabola through it and its neighbours, -0.5 to 0.5."""
    if not 0 < best < len(errors) - 1:
        return 0.0
    left, middle, right = errors[best - 1 : best + 2] ** 2
    bend = left - 2.0 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend > 1e-12 else 0.0
