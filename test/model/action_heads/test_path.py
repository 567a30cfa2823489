"""The two paths: ends, and the field as their derivative."""

from __future__ import annotations

import math

import pytest
import torch

from neon_control.model.action_heads.path import CosinePath, LinearPath

# seconds of path time per unit of the field: the cosine path's field is per radian, a quarter turn long
PATHS = [(LinearPath(), 1.0), (CosinePath(), 0.5 * math.pi)]


@pytest.fixture
def ends():
    return torch.randn(5, 4, 3, dtype=torch.float64), torch.randn(5, 4, 3, dtype=torch.float64)


@pytest.mark.parametrize(("path", "length"), PATHS)
def test_time_0_is_noise_and_time_1_is_the_action(path, length, ends):
    noise, action = ends
    assert torch.allclose(path.point(noise, action, torch.zeros(5)), noise, atol=1e-7)
    assert torch.allclose(path.point(noise, action, torch.ones(5)), action, atol=1e-7)


@pytest.mark.parametrize(("path", "length"), PATHS)
def test_the_field_is_the_derivative_of_the_point(path, length, ends):
    noise, action = ends
    t, h = torch.tensor([0.0, 0.1, 0.4, 0.7, 1.0], dtype=torch.float64), 1e-6
    slope = (path.point(noise, action, t + h) - path.point(noise, action, t - h)) / (2.0 * h)
    assert torch.allclose(slope, length * path.field(noise, action, t), atol=1e-6)


def test_cosine_path_gives_both_ends_back_from_point_and_field_at_every_time(ends):
    noise, action = ends
    t = torch.tensor([0.0, 0.01, 0.5, 0.99, 1.0], dtype=torch.float64)
    p = (0.5 * math.pi * t).view(-1, 1, 1)
    x, v = CosinePath().point(noise, action, t), CosinePath().field(noise, action, t)
    assert torch.allclose(torch.sin(p) * x + torch.cos(p) * v, action)
    assert torch.allclose(torch.cos(p) * x - torch.sin(p) * v, noise)


def test_cosine_path_keeps_the_variance_of_unit_data():
    noise, action = torch.randn(20000, 1, 1), torch.randn(20000, 1, 1)
    for t in (0.0, 0.3, 0.8, 1.0):
        assert CosinePath().point(noise, action, torch.full((20000,), t)).var().item() == pytest.approx(1.0, abs=0.05)
