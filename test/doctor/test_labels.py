import numpy as np
import pytest

from neon_control.doctor.labels import label_figures

STEP = 0.02
WIDTH = np.array([4.0, 2.0, 3.0])
T = np.arange(0.0, 8.0, STEP)


def motion(t: np.ndarray) -> np.ndarray:
    """(T, 3) [rad]"""
    return np.stack([0.8 * np.sin(1.7 * t), 0.4 * np.cos(2.3 * t + 1.0), 0.3 * np.sin(0.9 * t) * np.sin(3.1 * t)], axis=1)


@pytest.mark.parametrize("lag", [0.0, 0.05, 0.13, 0.5, -0.1])
def test_a_known_lag_is_found_to_a_tenth_of_a_step(lag: float) -> None:
    found = label_figures(motion(T), motion(T - lag), STEP, WIDTH)
    assert found is not None
    assert found.lag_s == pytest.approx(lag, abs=0.1 * STEP) and found.lag_steps == pytest.approx(lag / STEP, abs=0.1)
    assert found.gain == pytest.approx(1.0, abs=0.01) and found.error < 0.05


def test_gain_and_offset_are_those_of_the_states() -> None:
    found = label_figures(motion(T), 0.5 * motion(T - 0.1) + 0.07, STEP, WIDTH)
    assert found is not None
    assert found.gain == pytest.approx(0.5, abs=0.01) and found.lag_s == pytest.approx(0.1, abs=0.002) and found.error < 0.05
    assert found.offset == pytest.approx(0.07, abs=0.03)


def test_actions_of_something_else_tell_nothing() -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(0.0, 0.02, (len(T), 3)), axis=0)
    found = label_figures(walk, motion(T), STEP, WIDTH)
    assert found is not None and found.error > 0.6


def test_a_joint_with_the_other_sign_is_the_one_that_is_not_told() -> None:
    states = motion(T - 0.06)
    states[:, 1] *= -1.0
    actions = motion(T)
    actions[:, 1] = np.exp(T / 4.0)  # no lag makes a half turn of it
    states[:, 1] = -np.exp(T / 4.0)
    found = label_figures(actions, states, STEP, WIDTH)
    assert found is not None and found.joint_errors[1] == pytest.approx(1.0) and found.joint_errors[0] < 0.05


def test_actions_that_are_the_states_of_the_same_instant_are_copies() -> None:
    same = label_figures(motion(T), motion(T), STEP, WIDTH)
    shifted = label_figures(motion(T), motion(T - STEP), STEP, WIDTH)
    assert same is not None and same.copied and shifted is not None and not shifted.copied


def test_steps_without_a_command_do_not_count() -> None:
    actions = motion(T)
    actions[:50] = actions[-60:] = np.nan
    actions[200] = np.nan
    found = label_figures(actions, motion(T - 0.1), STEP, WIDTH)
    assert found is not None and found.lag_s == pytest.approx(0.1, abs=0.004) and found.seconds == pytest.approx((len(T) - 110) * STEP)


def test_what_stands_still_or_is_too_short_or_was_not_commanded_says_nothing() -> None:
    still = np.ones((len(T), 3))
    assert label_figures(still, still, STEP, WIDTH) is None
    assert label_figures(motion(T[:10]), motion(T[:10]), STEP, WIDTH) is None
    assert label_figures(np.full((len(T), 3), np.nan), motion(T), STEP, WIDTH) is None
    assert label_figures(np.zeros((0, 3)), np.zeros((0, 3)), STEP, WIDTH) is None
