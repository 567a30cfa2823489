"""Integrators against fields whose solution is known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neon_control.model.action_heads.integrator import ddim, euler
from neon_control.model.action_heads.path import CosinePath, LinearPath

steps = st.integers(1, 60)


@given(steps, st.floats(-5.0, 5.0))
def test_euler_integrates_a_constant_velocity_exactly_for_any_number_of_steps(num_steps, velocity):
    x = torch.linspace(-1.0, 1.0, 6, dtype=torch.float64)
    assert torch.allclose(euler(lambda x, t: torch.full_like(x, velocity), x, num_steps), x + velocity, atol=1e-12)


@given(steps)
def test_euler_with_the_true_velocity_of_a_straight_path_recovers_the_action(num_steps):
    noise, action = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
    field = LinearPath().field(noise, action, torch.zeros(2))
    assert torch.allclose(euler(lambda x, t: field, noise, num_steps), action, atol=1e-12)


def test_euler_error_of_a_curved_field_shrinks_with_the_step():
    errors = [abs(euler(lambda x, t: x, torch.ones(1, dtype=torch.float64), k).item() - math.e) for k in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("integrate", [euler, ddim])
def test_times_run_from_noise_to_action_and_never_ask_at_the_end(integrate):
    asked = []
    integrate(lambda x, t: asked.append(t) or torch.zeros_like(x), torch.zeros(1), 4)
    assert asked == [0.0, 0.25, 0.5, 0.75]


@given(steps)
def test_ddim_with_a_perfect_denoiser_recovers_the_data(num_steps):
    noise, action = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)

    def denoiser(x, t):
        """Knows the action, and concludes the noise from x: perfect wherever x is."""
        p = 0.5 * math.pi * t
        rest = (x - math.sin(p) * action) / math.cos(p)  # t < 1 at every question
        return math.cos(p) * action - math.sin(p) * rest

    assert torch.allclose(ddim(denoiser, noise, num_steps), action, atol=1e-9)


@given(steps, st.integers(0, 59))
def test_ddim_stays_on_the_path_between_its_ends(num_steps, stop):
    noise, action, path = torch.randn(1, 3, 4, dtype=torch.float64), torch.randn(1, 3, 4, dtype=torch.float64), CosinePath()
    visited = []

    def field(x, t):
        visited.append((t, x))
        return path.field(noise, action, torch.tensor([t], dtype=torch.float64))

    ddim(field, noise, num_steps)
    t, x = visited[min(stop, num_steps - 1)]
    assert torch.allclose(x, path.point(noise, action, torch.tensor([t], dtype=torch.float64)), atol=1e-9)


def test_one_ddim_step_gives_the_predicted_action_itself():
    prediction = torch.randn(2, 3)
    assert torch.allclose(ddim(lambda x, t: prediction, torch.randn(2, 3), 1), prediction, atol=1e-6)


@pytest.mark.parametrize("num_steps", [1, 2, 4, 50])
def test_ddim_does_not_blow_up_a_wrong_prediction(num_steps):
    """A network that is off by delta moves the result by no more than delta times the quarter turn, however many steps."""
    x, off = torch.randn(100, dtype=torch.float64), 0.1
    right = ddim(lambda x, t: torch.zeros_like(x), x, num_steps)
    wrong = ddim(lambda x, t: torch.full_like(x, off), x, num_steps)
    assert (wrong - right).abs().max().item() <= off * 0.5 * math.pi
