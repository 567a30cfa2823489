"""Draws that start from what is under way: what is committed comes out as it went in, and nothing is what it was."""

from __future__ import annotations

import math

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import ActionHead, StateRelativeHead, build_head
from neon_control.model.action_heads.forward_only import RAMP, read_start

S, N = 8, 3
SIZES = {"input_dim": 20, "action_dim": N, "num_steps": S}
DIT = {"hidden_dim": 48, "num_layers": 2, "num_heads": 3}
HEADS = {
    "flow": {"type": "flow", "hidden_dim": 32},
    "flow_uncapped": {"type": "flow", "hidden_dim": 32, "soft_cap_value": 0.0},
    "dit": {"type": "dit", **DIT},
    "state_relative": {"type": "state_relative", "inner": {"type": "flow", "hidden_dim": 32}},
}
FIRST, END = torch.tensor([0, 1, 3, 7]), torch.tensor([5, 1, 6, 8])  # d and m of four rows


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> ActionHead:
    torch.manual_seed(0)
    built = build_head({**SIZES, **HEADS[request.param]}).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return built


def inputs(head: ActionHead) -> dict[str, torch.Tensor]:
    more = {"current_state": 0.3 * torch.randn(4, N)} if isinstance(head, StateRelativeHead) else {}
    return {"features": torch.randn(4, 20), "noise": torch.randn(4, S, N), **more}


def under_way() -> dict[str, torch.Tensor]:
    prefix = torch.rand(4, S, N) - 0.5
    prefix[torch.arange(S) >= END[:, None]] = float("nan")  # of which nothing may be read
    return {"prefix": prefix, "prefix_length": FIRST, "known_length": END}


def test_committed_steps_come_out_as_they_went_in_and_the_rest_is_finite(head: ActionHead) -> None:
    torch.manual_seed(1)
    told = under_way()
    chunk = head.sample(**inputs(head), **told)
    for row, (first, values) in enumerate(zip(FIRST.tolist(), chunk, strict=True)):
        torch.testing.assert_close(values[:first], told["prefix"][row, :first], rtol=0.0, atol=1e-6)
    assert torch.isfinite(chunk).all()


def test_with_nothing_committed_it_says_to_the_bit_what_it_says_alone(head: ActionHead) -> None:
    torch.manual_seed(1)
    given, told = inputs(head), under_way()
    alone = head.sample(**given)
    assert torch.equal(head.sample(**given, **told)[0], alone[0])  # whatever is under way
    told["prefix_length"] = torch.zeros(4, dtype=torch.long)
    assert torch.equal(head.sample(**given, **told), alone)


def test_what_is_under_way_draws_the_steps_after_it_towards_itself(head: ActionHead) -> None:
    """The first free step leaves the old way by a part of what a free draw would; a step that nobody knew is a draw like any other."""
    torch.manual_seed(2)
    given, told = inputs(head), under_way()
    alone, chunk = head.sample(**given), head.sample(**given, **told)
    old = told["prefix"][2, 3]  # of the row with d = 3 and m = 6
    assert (chunk[2, 3] - old).abs().mean() < (alone[2, 3] - old).abs().mean()


def test_the_share_of_a_step_is_none_then_a_ramp_then_all() -> None:
    class Sizes:
        num_steps, action_dim, max_prefix, takes_start = S, N, 0, True

    start = read_start(Sizes(), torch.zeros(1, S, N), torch.tensor([2]), torch.tensor([5]))
    ramp = [1.0 - math.exp(-RAMP * u) for u in (0.25, 0.5, 0.75)]
    torch.testing.assert_close(start.share[0, :5, 0], torch.tensor([0.0, 0.0, *ramp]))
    before, after = torch.zeros(1, S, N), torch.ones(1, S, N)
    torch.testing.assert_close(start.hold(before, after)[0, :, 0], torch.tensor([0.0, 0.0, *ramp, 1.0, 1.0, 1.0]))


@pytest.mark.parametrize("kind", ["chunking", "grouped", "ensemble"])
def test_a_head_that_does_not_draw_from_noise_alone_does_not_say_that_it_can(kind: str) -> None:
    options = {"mlp_hidden": 16, "flow_hidden": 32, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3} if kind == "ensemble" else {}
    assert not build_head({**SIZES, "type": kind, **options}).takes_start


def test_a_head_that_was_taught_prefixes_and_inputs_of_other_shapes_are_refused_by_name() -> None:
    taught = build_head({**SIZES, **HEADS["flow"], "max_prefix": 4})
    told = under_way()
    with pytest.raises(ConfigError, match="FlowMatchingHead was given known_length, but was trained with committed steps, max_prefix 4"):
        taught.sample(torch.randn(4, 20), **told)
    free = build_head({**SIZES, **HEADS["flow"]})
    with pytest.raises(ConfigError, match=r"have the shapes \[None, \(4,\), \(4,\)\]"):
        free.sample(torch.randn(4, 20), prefix_length=FIRST, known_length=END)
    with pytest.raises(ConfigError, match="takes none: its max_prefix is 0"):
        free.sample(torch.randn(4, 20), prefix=told["prefix"], prefix_length=FIRST)
