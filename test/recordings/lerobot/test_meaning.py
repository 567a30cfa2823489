"""What actions are is told by the states that follow them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from neon_control.recordings.lerobot.meaning import Joints, Numbers, compared, far_outside

DEG = np.pi / 180.0
LOWER, UPPER = np.array([-2.0, -1.2]), np.array([2.2, 1.8])
JOINTS = Joints(("one", "two"), LOWER, UPPER, np.zeros(2, bool), np.zeros(2, bool))
PERIOD = 1.0 / 30.0  # [s]


def wander(frames: int = 300) -> np.ndarray:
    """(T, J) [rad] smooth, without a period."""
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(frames, 2))
    smooth = np.stack([np.convolve(s, np.hanning(25), "same") for s in steps.T], axis=1)
    walk = np.cumsum(smooth, axis=0)
    return np.asarray(0.9 * (walk - walk.mean(axis=0)) / np.abs(walk - walk.mean(axis=0)).max(axis=0) + [0.0, 0.3])


def numbers(raw: np.ndarray, unit: str = "rad") -> Numbers:
    gain = DEG if unit == "deg" else 1.0
    return Numbers(raw, np.full(2, gain), np.zeros(2), [unit] * 2)


def told(change: Callable[[np.ndarray], np.ndarray], unit: str = "rad", later: int = 2) -> str:
    motion = wander()
    return " | ".join(compared(numbers(change(motion[later:]), unit), motion[: len(motion) - later], JOINTS, PERIOD, "action_joints")[0])


def percent(values: np.ndarray, low: float) -> np.ndarray:
    return np.asarray(low + (values - LOWER) / (UPPER - LOWER) * (100.0 - low))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a / DEG, "['one', 'two']: the states that follow fit the actions in deg"),
        (lambda a: percent(a, -100.0), "['one', 'two']: the states that follow fit the actions in range -100..100"),
        (lambda a: percent(a, 0.0), "['one', 'two']: the states that follow fit the actions in range 0..100"),
        (lambda a: a * [-1.0, 1.0], "['one']: the states that follow fit the actions in rad with the other sign"),
        (lambda a: a[:, ::-1], "['one']: the states of 'two' follow these actions: are joints swapped?"),
        (lambda a: np.diff(a, axis=0, append=a[-1:]), "['one', 'two']: the actions are changes of the states, not positions"),
        (lambda a: a + np.array([0.0, 1.0]), "['two']: the states follow the actions with offset: -1"),
        (lambda a: a * 3.0, "['one', 'two']: the states follow the actions with scale: 0.333"),
    ],
)
def test_what_fits_is_said(change: Callable[[np.ndarray], np.ndarray], words: str) -> None:
    # changes are of the very frame; what is commanded is reached two frames later
    assert words in told(change, later=0 if "changes" in words else 2)


@pytest.mark.parametrize("error", [0.0, 0.05])
def test_a_robot_that_follows_is_no_problem(error: float) -> None:
    motion = wander()
    rng = np.random.default_rng(1)
    for lag in (0, 1, 5):
        commanded = (
            np.concatenate([motion[lag:], np.repeat(motion[-1:], lag, axis=0)]) + error * rng.normal(size=motion.shape) + 0.4 * error
        )
        assert compared(numbers(commanded), motion, JOINTS, PERIOD, "s") == ([], set())


def test_states_that_come_late_or_first_are_noticed() -> None:
    motion = wander()
    late = compared(numbers(motion[24:]), motion[:-24], JOINTS, PERIOD, "s")[0]
    assert late == ["['one', 'two']: the states follow the actions 0.80 s later (s of the robot file)"]
    first = compared(numbers(motion[:-4]), motion[4:], JOINTS, PERIOD, "s")[0]
    assert "the actions follow the states" in first[0]


def test_positions_far_outside_are_said_with_what_fits_and_never_with_what_is_set() -> None:
    ((text,), _) = far_outside(numbers(wander() / DEG), JOINTS, "unit", set())
    assert text.startswith("['one', 'two'] are far outside their range in rad; they fit deg")
    ((text,), _) = far_outside(numbers(wander() / DEG / DEG, "deg"), JOINTS, "unit", set())
    assert "in deg; no usual unit fits" in text and "fit deg" not in text
    assert far_outside(numbers(wander() / DEG, "deg"), JOINTS, "unit", set()) == ([], set())


def test_joints_that_stand_still_are_compared_by_where_they_are() -> None:
    still = np.tile([0.8, 0.0], (30, 1))
    assert compared(numbers(still / DEG), still, JOINTS, PERIOD, "s")[0][0].startswith(
        "['one']: the states stand still and fit the actions in deg"
    )
    assert compared(numbers(still), still, JOINTS, PERIOD, "s")[0] == []


def test_a_gripper_that_closes_on_something_is_no_problem() -> None:
    motion = wander()
    commanded = motion.copy()
    motion[:, 1] = np.maximum(motion[:, 1], np.quantile(motion[:, 1], 0.4))  # the object is as wide as that
    assert (commanded[:, 1] - motion[:, 1]).min() < -0.1
    assert compared(numbers(commanded), motion, JOINTS, PERIOD, "s")[0] == []
