"""StateRelativeHead: deltas in, absolute actions out."""

from __future__ import annotations

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import (
    ActionChunkingHead,
    DiTActionHead,
    EnsembleHead,
    FlowMatchingHead,
    MLPDecoder,
    StateRelativeHead,
)

RELATIVE = [True, True, False, True, False]


@pytest.fixture
def inner():
    return ActionChunkingHead(32, 5, num_steps=4, hidden_dim=16).eval()


def test_adds_no_parameters_and_no_saved_state(inner):
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    assert sum(p.numel() for p in head.parameters()) == sum(p.numel() for p in inner.parameters())
    assert {k.removeprefix("inner_head.") for k in head.state_dict()} == set(inner.state_dict())


def test_adds_the_state_to_every_step(inner):
    head = StateRelativeHead(inner, 5, 4)
    features, state = torch.randn(2, 32), torch.randn(2, 5)
    assert torch.equal(head(features, current_state=state), inner(features) + state[:, None])
    assert torch.equal(head(features), inner(features))
    assert torch.equal(head.sample(features, current_state=state), head(features, current_state=state))


def test_absolute_dimensions_ignore_the_state(inner):
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    features, state = torch.randn(2, 32), torch.randn(2, 5)
    offset = head(features, current_state=state) - inner(features)
    assert torch.allclose(offset, (state * torch.tensor(RELATIVE))[:, None].expand_as(offset), atol=1e-6)


def test_a_state_of_the_relative_dimensions_only_is_put_in_their_places(inner):
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    features, state = torch.randn(2, 32), torch.randn(2, 5)
    assert torch.equal(head(features, current_state=state[:, RELATIVE]), head(features, current_state=state))


def test_round_trip_a_head_that_is_right_in_delta_space_has_no_loss(inner):
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    features, state = torch.randn(2, 32), torch.randn(2, 5)
    target = head(features, current_state=state).detach()
    assert head.compute_loss(features, target, current_state=state).item() == pytest.approx(0.0, abs=1e-12)
    assert head.compute_loss(features, target, current_state=-state).item() > 0.1


def test_loss_is_in_delta_space_and_masked(inner):
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    features, state, target = torch.randn(2, 32), torch.randn(2, 5), torch.randn(2, 4, 5)
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    deltas = target - (state * torch.tensor(RELATIVE))[:, None]
    expected = inner.compute_loss(inner(features), deltas, mask)
    assert head.compute_loss(features, target, mask, current_state=state).item() == pytest.approx(expected.item(), rel=1e-5)


def test_scaled_changes_are_undone_on_relative_dimensions_only(inner):
    plain, scaled = StateRelativeHead(inner, 5, 4, RELATIVE), StateRelativeHead(inner, 5, 4, RELATIVE, scaled=True)
    features, state, scale = torch.randn(2, 32), torch.randn(2, 5), torch.rand(4, 5) + 0.1
    assert torch.equal(scaled(features, current_state=state), plain(features, current_state=state))  # until it is set
    scaled.set_scale(scale)
    change, relative = plain(features), torch.tensor(RELATIVE)
    assert torch.allclose(scaled(features), torch.where(relative, change * scale, change))
    target = scaled(features, current_state=state).detach()
    assert scaled.compute_loss(features, target, current_state=state).item() == pytest.approx(0.0, abs=1e-12)
    again = StateRelativeHead(inner, 5, 4, RELATIVE, scaled=True)
    again.load_state_dict(scaled.state_dict())
    assert torch.equal(again(features), scaled(features))


def test_a_generative_head_learns_small_changes_only_in_their_own_unit():
    """Changes of 0.01: in that unit the draws are as wide as the data, in the unit 1 they are wider than anything that was recorded."""
    spread = {}
    for scaled in (True, False):
        torch.manual_seed(0)
        inner = FlowMatchingHead(8, 2, num_steps=4, hidden_dim=32, num_layers=2, dropout=0.0)
        head = StateRelativeHead(inner, 2, 4, scaled=scaled)
        if scaled:
            head.set_scale(torch.full((4, 2), 0.04))
        optimiser = torch.optim.Adam(head.parameters(), 3e-3)
        for _ in range(300):
            features, state = torch.randn(64, 8), 0.5 * torch.randn(64, 2)
            target = state.unsqueeze(1) + 0.01 * features[:, :2].sign().unsqueeze(1).expand(-1, 4, -1)
            loss = head.compute_loss(features, target, current_state=state)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        features = torch.randn(256, 8)
        error = head.eval().sample(features, current_state=torch.zeros(256, 2)) - 0.01 * features[:, :2].sign().unsqueeze(1)
        spread[scaled] = error.abs().mean().item()
    assert spread[True] < 0.005
    assert spread[False] > 3.0 * spread[True]


INNER = {
    "flow": lambda: FlowMatchingHead(32, 5, 4, 32, 2),
    "dit": lambda: DiTActionHead(32, 5, 4, 24, 2, 3),
    "ensemble": lambda: EnsembleHead(32, 5, 4, 16, 32, 24, 2, 3, 2),
}


@pytest.mark.parametrize("name", INNER)
def test_heads_that_draw_are_trained_on_deltas_and_drawn_from_around_the_state(name):
    inner = INNER[name]().eval()
    head = StateRelativeHead(inner, 5, 4, RELATIVE)
    features, state, target, noise = torch.randn(2, 32), torch.randn(2, 5), torch.randn(2, 4, 5), torch.randn(2, 4, 5)
    offset = (state * torch.tensor(RELATIVE))[:, None]
    losses = [
        head.compute_loss(features, target, current_state=state, generator=torch.Generator().manual_seed(1)),
        inner.compute_loss(features, target - offset, generator=torch.Generator().manual_seed(1)),
    ]
    assert losses[0].item() == losses[1].item()
    drawn = head.sample(features, current_state=state, noise=noise, num_denoise_steps=2)
    assert torch.equal(drawn, inner.sample(features, noise=noise, num_denoise_steps=2) + offset)


def test_the_cap_bounds_the_change_not_the_action(inner):
    head = StateRelativeHead(inner, 5, 4)
    with torch.no_grad():
        inner.output.bias.fill_(100.0)
    assert torch.allclose(head(torch.randn(2, 32), current_state=torch.full((2, 5), 0.9)), torch.tensor(1.9))


def test_wraps_a_head_of_one_step():
    inner = MLPDecoder(32, 5, hidden_dim=16).eval()
    head = StateRelativeHead(inner, 5, 4)
    state = torch.randn(2, 5)
    assert head(torch.randn(2, 32), current_state=state).shape == (2, 5)
    assert head.compute_loss(torch.randn(2, 32), torch.randn(2, 4, 5), current_state=state).isfinite()


def test_sizes_that_do_not_fit_are_refused(inner):
    with pytest.raises(ConfigError, match="needs 8 steps of 5"):
        StateRelativeHead(inner, 5, 8)
    with pytest.raises(ConfigError, match="2 entries"):
        StateRelativeHead(inner, 5, 4, [True, False])
    with pytest.raises(ConfigError, match=r"needs 3 .* or 5"):
        StateRelativeHead(inner, 5, 4, RELATIVE)(torch.randn(2, 32), current_state=torch.randn(2, 4))
    with pytest.raises(ConfigError, match=r"\(4, 4\), needs positive values of \(4, 5\)"):
        StateRelativeHead(inner, 5, 4, scaled=True).set_scale(torch.ones(4, 4))
    with pytest.raises(ConfigError, match="needs positive"):
        StateRelativeHead(inner, 5, 4, scaled=True).set_scale(torch.zeros(4, 5))
    with pytest.raises(ConfigError, match="`scaled` is off"):
        StateRelativeHead(inner, 5, 4).set_scale(torch.ones(4, 5))
    with pytest.raises(ConfigError, match="gives one step for all 4"):
        StateRelativeHead(MLPDecoder(32, 5, hidden_dim=16), 5, 4, scaled=True)
