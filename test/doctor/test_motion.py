import numpy as np
import pytest

from neon_control.doctor.motion import motion_figures, speeds

LOWER, UPPER = np.array([-2.0, 0.0]), np.array([2.0, 1.0])
STEP = 0.01
NO_BASE = np.zeros((0, 0))


def figures(states: np.ndarray, base: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    return motion_figures(states, STEP, LOWER, UPPER, np.zeros((len(states), 0)) if base is None else base)


def test_an_arm_that_moves_for_the_first_half_is_idle_in_the_other() -> None:
    t = np.arange(0.0, 10.0, STEP)
    found = figures(np.stack([0.4 * np.minimum(t, 5.0) - 1.0, np.full(len(t), 0.5)], axis=1))
    assert found.idle == pytest.approx(0.5, abs=0.02)
    assert found.idle_end_s == pytest.approx(5.0, abs=0.2) == pytest.approx(found.longest_idle_s, abs=0.2)
    assert found.idle_begin_s == 0.0


def test_noise_of_an_encoder_is_no_movement_and_a_base_that_is_driven_is() -> None:
    noisy = np.random.default_rng(0).normal(0.0, 0.0005, (1000, 2)) * (UPPER - LOWER) / 4.0 + 0.5
    assert figures(noisy).idle > 0.98
    driven = np.zeros((1000, 3))
    driven[:250, 0] = 0.3
    assert figures(noisy, driven).idle == pytest.approx(0.75, abs=0.02)


def test_the_jerk_of_a_cubic_is_its_third_derivative() -> None:
    t = np.arange(0.0, 2.0, STEP)
    found = figures(np.stack([0.1 * t**3 - 1.0, np.full(len(t), 0.5)], axis=1))
    assert found.jerk == pytest.approx(0.6, rel=1e-6)
    assert np.isnan(figures(np.full((200, 2), 0.5)).jerk), "nothing moves"


def test_use_of_the_range_outside_and_at_its_ends() -> None:
    t = np.linspace(0.0, 1.0, 1001)
    found = figures(np.stack([-2.0 + 2.0 * t, np.where(t < 0.3, 1.0, 1.5 - t)], axis=1))
    assert found.used[0] == pytest.approx([0.005, 0.495], abs=1e-6)
    assert found.outside == pytest.approx([0.0, 0.19], abs=0.01)  # 1.2 down to 1.01
    assert found.at_limit[1] == pytest.approx(0.32, abs=0.01)


def test_a_joint_that_jumps_is_seen() -> None:
    states = np.full((100, 2), 0.5)
    states[50:, 0] = 1.5
    assert figures(states).jumps == pytest.approx([0.25, 0.0])


def test_speeds_are_per_second_up_to_the_ends() -> None:
    assert speeds(np.arange(0.0, 1.0, STEP)[:, None], STEP) == pytest.approx(np.ones((100, 1)))
    assert speeds(np.zeros((1, 1)), STEP).tolist() == [[0.0]]
