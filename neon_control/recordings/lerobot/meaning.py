"""What a dataset's numbers can mean: positions held to the joints' ranges, and actions to the states that follow them.

Nothing is changed here. A dataset in degrees that is read as radians trains without an error, and moves a robot 57 times as far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.robot.joint_units import UNITS

FAR_OUTSIDE = 0.5  # [rad] beyond the joint's range
SHARE = 0.01  # of the frames may be far outside
LAG_S = 1.0  # [s] within which states follow actions
SLOW_S = 0.5  # [s] a robot that follows later than this is worth a word
GOOD = 0.35  # of how much a joint moves: actions and states that differ by less agree
OFFSET, MOVES = 0.1, 0.005  # of a joint's range: an offset that is none of gravity's; what counts as a movement
WIDEST = 2.0 * np.pi  # [rad] range by which a joint without ends is judged
LEAST = 10  # frames by which anything can be said
LARGEST = 1.0e6  # a number beyond this is no angle in any unit


@dataclass(frozen=True)
class Numbers:
    """What the dataset has for the J joints, and how the robot file reads it.

    Attributes:
        raw: (T, J) as it is in the dataset, without gaps.
        gain, offset: (J,) which make [rad], or [m], of it.
        units: (J,) the same in words.
    """

    raw: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    units: Sequence[str]

    @property
    def values(self) -> np.ndarray:
        """(T, J) [rad] or [m]."""
        return np.asarray(self.raw * self.gain + self.offset)


@dataclass(frozen=True)
class Joints:
    """The J joints: names, ranges (J,) [rad] or [m], and whether each slides, or turns without end."""

    names: Sequence[str]
    lower: np.ndarray
    upper: np.ndarray
    slides: np.ndarray
    endless: np.ndarray

    def readings(self, joint: int) -> dict[str, tuple[float, float]]:
        """What a joint's numbers can be: in words -> gain and offset."""
        lower, upper = self.lower[joint], self.upper[joint]
        width = upper - lower
        angles = {"m": (1.0, 0.0)} if self.slides[joint] else {unit: (gain, 0.0) for unit, gain in UNITS.items()}
        parts = {"range -100..100": (width / 200.0, 0.5 * (lower + upper)), "range 0..100": (width / 100.0, lower)}
        return angles if self.endless[joint] else angles | parts

    def width(self, joint: int) -> float:
        """[rad] or [m] of a joint's range."""
        return float(min(self.upper[joint] - self.lower[joint], WIDEST))


def far_outside(numbers: Numbers, joints: Joints, section: str, skip: set[int]) -> tuple[list[str], set[int]]:
    """What is to be said of joints whose positions are far outside their range, and of which it is said.

    Args:
        section: of the robot file, which is to be mended.
        skip: joints of which enough is said.
    """
    texts: dict[str, list[int]] = {}
    for j, values in enumerate(numbers.values.T):
        slack = min(FAR_OUTSIDE, 0.5 * joints.width(j))
        outside = (values < joints.lower[j] - slack) | (values > joints.upper[j] + slack)
        if j in skip or joints.endless[j] or outside.mean() <= SHARE:
            continue
        low, high = np.quantile(numbers.raw[:, j], (SHARE, 1.0 - SHARE))
        tolerance = 0.2 * slack
        fitting = [
            words
            for words, (gain, offset) in joints.readings(j).items()
            if not np.allclose((gain, offset), (numbers.gain[j], numbers.offset[j]))
            and joints.lower[j] - tolerance <= gain * low + offset
            and gain * high + offset <= joints.upper[j] + tolerance
        ]
        advice = f"; they fit {' or '.join(fitting)}" if fitting else "; no usual unit fits: an offset, or another joint's"
        texts.setdefault(f"far outside their range in {numbers.units[j]}{advice} ({section} of the robot file)", []).append(j)
    return [f"{[joints.names[j] for j in js]} are {text}" for text, js in texts.items()], {j for js in texts.values() for j in js}


def compared(actions: Numbers, states: np.ndarray, joints: Joints, period: float, section: str) -> tuple[list[str], set[int]]:
    """What is to be said of actions that the states (T, J) [rad] do not follow, and of which joints it is said.

    Args:
        period: [s] from one frame to the next.
        section: of the robot file, where actions are described.
    """
    texts: dict[str, list[int]] = {}
    if len(states) >= LEAST:
        for j in range(len(joints.names)):
            for text in _compare(j, actions, states, joints, period):
                texts.setdefault(text, []).append(j)
    told = {j for js in texts.values() for j in js}
    return [f"{[joints.names[j] for j in js]}: {text} ({section} of the robot file)" for text, js in texts.items()], told


def _compare(j: int, actions: Numbers, states: np.ndarray, joints: Joints, period: float) -> Iterator[str]:
    state, action, raw = states[:, j], actions.values[:, j], actions.raw[:, j]
    if max(abs(raw).max(), abs(state).max()) > LARGEST:
        return
    width, moved = joints.width(j), state.std()
    longest = max(1, min(round(LAG_S / period), len(state) // 3))
    lags = range(longest + 1)
    if joints.endless[j]:
        return
    if moved <= MOVES * width:  # a joint that stands still: where it is told to be
        if abs(action.mean() - state.mean()) > max(OFFSET * width, 3.0 * action.std()):
            fitting = [w for w, (g, o) in joints.readings(j).items() if abs((raw * g + o).mean() - state.mean()) < 0.05 * width]
            where = f"fit the actions in {' or '.join(fitting)}, not in {actions.units[j]}" if fitting else "are elsewhere than the actions"
            yield f"the states stand still and {where}"
        return
    own = [_error(action, state, lag) for lag in lags]
    lag = int(np.argmin(own))
    if own[lag] < GOOD * moved:
        before = min(_error(state, action, back) for back in range(1, min(longest, 5) + 1))
        if lag * period > SLOW_S and own[lag] < 0.5 * own[0]:
            yield f"the states follow the actions {lag * period:.2f} s later"
        elif before < 0.5 * own[lag] and own[lag] > 0.02 * moved:
            yield "the actions follow the states, not the states the actions"
        return
    fits: dict[str, float] = {}
    for words, (gain, offset) in joints.readings(j).items():
        for sign, how in ((1.0, words), (-1.0, f"{words} with the other sign")):
            if words != actions.units[j] or sign < 0.0:
                fits[how] = min(_error(sign * (raw * gain + offset), state, near) for near in lags)
    best = min(fits, key=lambda how: fits[how])
    if fits[best] < GOOD * moved and fits[best] < 0.5 * own[lag]:
        also = [how for how in fits if fits[how] <= 1.5 * fits[best]]
        yield f"the states that follow fit the actions in {' or '.join(sorted(also, key=lambda h: fits[h]))}, not in {actions.units[j]}"
        return
    soon = range(max(1, round(0.2 / period)) + 1)
    for other in range(states.shape[1]):
        spread = states[:, other].std()
        moves = other != j and spread > MOVES * joints.width(other)
        if moves and min(_error(action, states[:, other], near) for near in soon) < 0.1 * spread:
            yield f"the states of '{joints.names[other]}' follow these actions: are joints swapped?"
            return
    change = np.diff(state)
    if max(_correlation(action[: len(change)], change, near) for near in soon) > 0.8:
        yield 'the actions are changes of the states, not positions; such datasets need their actions made absolute, or action_key: ""'
        return
    slope, shift, error = min((_line(action, state, near) for near in lags), key=lambda line: line[2])
    if error < min(GOOD * moved, 0.5 * own[lag]) and slope != 0.0:
        away = float((state - action).mean())
        if mends := _mends(slope, shift, away, OFFSET * width):
            yield f"the states follow the actions with {', '.join(mends)}"


def _mends(slope: float, shift: float, away: float, least: float) -> list[str]:
    """What in the robot file makes actions of states that are slope * action + shift [rad], `away` [rad] from them on the average."""
    is_alike = 0.7 < slope < 1.4  # a gripper that closes on something does not follow to the end
    offset = away if is_alike else shift
    found = {"sign: -1": slope < 0.0, f"scale: {abs(slope):.3g}": not 0.7 < abs(slope) < 1.4, f"offset: {offset:.3g}": abs(offset) > least}
    return [word for word, is_so in found.items() if is_so]


def _error(action: np.ndarray, state: np.ndarray, lag: int) -> float:
    """Root of the mean squared difference to what is `lag` frames later."""
    return float(np.sqrt(np.mean((action[: len(action) - lag] - state[lag:]) ** 2)))


def _correlation(action: np.ndarray, state: np.ndarray, lag: int) -> float:
    one, two = action[: len(action) - lag], state[lag:]
    spread = one.std() * two.std()
    return float(np.mean((one - one.mean()) * (two - two.mean())) / spread) if spread > 1e-12 else 0.0


def _line(action: np.ndarray, state: np.ndarray, lag: int) -> tuple[float, float, float]:
    """Slope and offset of the line that makes states of actions, and what is left, as of `_error`."""
    one, two = action[: len(action) - lag], state[lag:]
    if one.std() < 1e-9:
        return 0.0, float(two.mean()), float(two.std())
    slope = _correlation(action, state, lag) * two.std() / one.std()
    shift = two.mean() - slope * one.mean()
    return float(slope), float(shift), float(np.sqrt(np.mean((slope * one + shift - two) ** 2)))
