"""FlowMatchingHead: size, training times."""

from __future__ import annotations

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import FlowMatchingHead


def test_default_size_is_4_million():
    assert sum(p.numel() for p in FlowMatchingHead(2048, 17).parameters()) == pytest.approx(4e6, rel=0.15)


def small(**options) -> FlowMatchingHead:
    return FlowMatchingHead(20, 3, num_steps=5, hidden_dim=32, num_layers=2, **options)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (1.5, 1.0), (1.0, 1.5), (2.0, 5.0)])
def test_the_share_of_noise_in_training_follows_the_chosen_distribution(alpha, beta):
    times = small(noise_beta_alpha=alpha, noise_beta_beta=beta).draw_time(torch.zeros(20000, 20))
    assert times.min() >= 0.0
    assert times.max() <= 1.0
    a, b = (1.0, 1.0) if alpha == 0.0 else (alpha, beta)
    assert (1.0 - times).mean().item() == pytest.approx(a / (a + b), abs=0.01)
    assert times.var().item() == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1.0)), abs=0.005)


def test_alpha_alone_is_enough_and_trains_more_near_the_noise():
    """pi0 (Black et al. 2024): the density of t is that of Beta((s - t) / s; 1.5, 1), with time 0 the noise and s close to 1."""
    times = small(noise_beta_alpha=1.5).draw_time(torch.zeros(20000, 20))
    assert times.mean().item() == pytest.approx(1.0 - 1.5 / 2.5, abs=0.01)


@pytest.mark.parametrize("options", [{}, {"noise_beta_alpha": 1.5}])
def test_training_times_follow_the_generator(options):
    first, second = (small(**options).draw_time(torch.zeros(9, 20), torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.unique().numel() == 9


@pytest.mark.parametrize("wrong", [{"noise_beta_beta": 0.0}, {"noise_beta_alpha": -1.0}, {"noise_beta_alpha": float("nan")}])
def test_what_is_no_beta_distribution_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        small(**wrong)


def test_a_token_width_without_cross_attention_is_refused():
    with pytest.raises(ConfigError, match="use_cross_attention is off"):
        small(cross_attention_dim=7)


def test_cross_attention_reads_tokens_as_wide_as_the_features_by_default():
    head = small(use_cross_attention=True)
    assert head.sample(torch.randn(1, 20), tokens=torch.randn(1, 4, 20)).shape == (1, 5, 3)
