"""Committed steps as an input: what they are, what they change, and what they leave alone. The heads that read them are held together."""

from __future__ import annotations

import pytest
import torch

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import ActionHead, StateRelativeHead, build_head
from neon_control.model.action_heads.prefix import Continuation, PrefixLayer, read_prefix, without_given

D, S, N = 4, 8, 3
SIZES = {"input_dim": 20, "action_dim": N, "num_steps": S}
DIT = {"hidden_dim": 48, "num_layers": 2, "num_heads": 3}
OPTIONS = {
    "chunking": {"hidden_dim": 16},
    "grouped": {"mlp_hidden": 24, "groups": {"arms": 1, "torso": 1, "base": 1}},
    "flow": {"hidden_dim": 32},
    "dit": DIT,
    "ensemble": {"mlp_hidden": 16, "flow_hidden": 32, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3},
    "state_relative": {"inner": {"type": "dit", **DIT}},
}
LENGTHS = torch.tensor([0, 1, 3, D])


class Sizes:
    num_steps, action_dim, max_prefix = S, N, D


def made(name: str, **options) -> ActionHead:
    """A head whose every parameter counts."""
    torch.manual_seed(0)
    head = build_head({"type": name, **SIZES, **OPTIONS[name], **options}).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return head


@pytest.fixture(params=OPTIONS)
def head(request) -> ActionHead:
    return made(request.param, max_prefix=D)


def given(rows: int = 4) -> torch.Tensor:
    """Steps of which only the first D may be read."""
    prefix = torch.rand(rows, S, N) - 0.5
    prefix[:, D:] = float("nan")
    return prefix


def inputs(head: ActionHead, rows: int = 4) -> dict[str, torch.Tensor]:
    more = {"noise": torch.randn(rows, S, N)} if head.multi_modal else {}
    return more | ({"current_state": 0.3 * torch.randn(rows, N)} if isinstance(head, StateRelativeHead) else {})


def answer(head: ActionHead, features: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return head(features, **more)


def test_the_committed_steps_are_the_first_steps_of_the_answer_and_the_rest_depends_on_them(head):
    features, prefix, more = torch.randn(4, 20), given(), inputs(head)
    alone, found = answer(head, features, **more), answer(head, features, **more, prefix=prefix, prefix_length=LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.allclose(found[row, :length], prefix[row, :length], atol=1e-6)
        changed = (found[row, length:] - alone[row, length:]).abs().amax(-1)
        assert (changed > 1e-4).all() if length else (changed <= 1e-6).all()


def test_no_prefix_and_one_of_no_steps_are_the_head_without_it_whatever_the_rows_hold(head):
    features, more = torch.randn(4, 20), inputs(head)
    expected = answer(head, features, **more)
    for prefix in (given(), torch.full((4, S, N), float("nan")), torch.full((4, S, N), 1e6)):
        found = answer(head, features, **more, prefix=prefix, prefix_length=torch.zeros(4, dtype=torch.long))
        assert torch.allclose(found, expected, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_head_that_learns_prefixes_begins_as_the_one_that_does_not(name):
    torch.manual_seed(3)
    plain = build_head({"type": name, **SIZES, **OPTIONS[name]}).eval()
    with_prefix = build_head({"type": name, **SIZES, **OPTIONS[name], "max_prefix": D}).eval()
    missing, unexpected = with_prefix.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected and missing and all("prefix" in key or "continuation" in key for key in missing)
    features, more = torch.randn(4, 20), inputs(plain)
    assert torch.equal(answer(with_prefix, features, **more), answer(plain, features, **more))


def test_a_step_beyond_the_prefix_is_not_read(head):
    features, prefix, more = torch.randn(4, 20), torch.rand(4, S, N) - 0.5, inputs(head)
    other = torch.where(torch.arange(S)[:, None] < LENGTHS[:, None, None], prefix, torch.randn(4, S, N))
    first, second = (answer(head, features, **more, prefix=p, prefix_length=LENGTHS) for p in (prefix, other))
    assert torch.equal(first, second)


def test_only_the_steps_that_are_not_given_count_in_the_loss(head):
    features, target, mask = torch.randn(4, 20), torch.rand(4, S, N) - 0.5, torch.arange(S) < torch.tensor([[S], [6], [6], [S]])
    target = target.masked_fill(~mask.unsqueeze(-1), float("nan"))
    torch.manual_seed(1)
    error = head.error(features, target, mask.float(), prefix_length=LENGTHS)
    counts = mask & (torch.arange(S) >= LENGTHS[:, None])
    assert error[torch.arange(S) < LENGTHS[:, None]].abs().max() < 1e-6
    torch.manual_seed(1)
    loss = head.training_loss(features, target, mask.float(), "valid", prefix_length=LENGTHS)
    assert loss.item() == pytest.approx((error * counts.unsqueeze(-1)).sum().item() / (N * counts.sum().item()), rel=1e-5)


def test_every_parameter_is_trained_where_prefixes_are_given(head):
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if name.endswith("output.weight"):
                parameter.mul_(20.0)
    head.train().training_loss(torch.randn(16, 20), torch.rand(16, S, N) - 0.5, prefix_length=torch.arange(16) % (D + 1)).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or p.grad.abs().sum() == 0.0] == []


def test_state_relative_prefixes_are_actions_whose_changes_count_from_the_new_state():
    inner = made("chunking", max_prefix=D)
    head = StateRelativeHead(inner, N, S, [True, True, False], scaled=True)
    head.set_scale(torch.full((S, N), 0.25))
    features, state, prefix = torch.randn(2, 20), 0.3 * torch.randn(2, N), given(2)
    found = answer(head, features, current_state=state, prefix=prefix, prefix_length=torch.tensor([2, D]))
    base = torch.where(torch.tensor([True, True, False]), state, torch.zeros(2, N)).unsqueeze(1)
    unit = torch.tensor([0.25, 0.25, 1.0])
    deltas = answer(inner, features, prefix=(prefix - base) / unit, prefix_length=torch.tensor([2, D]))
    assert torch.allclose(found, base + unit * deltas, atol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_prefix_is_refused_by_a_head_that_was_not_made_for_one_or_in_another_shape(name):
    plain, head, features = made(name), made(name, max_prefix=D), torch.randn(4, 20)
    with pytest.raises(ConfigError, match="takes none: its max_prefix is 0"):
        plain(features, **inputs(plain), prefix=given(), prefix_length=LENGTHS)
    for wrong in (given()[:, 1:], given()[..., 1:]):
        with pytest.raises(ConfigError, match=r"needed are \('B', 8, 3\)"):
            head(features, **inputs(head), prefix=wrong, prefix_length=LENGTHS)
    for alone in ({"prefix": given()}, {"prefix_length": LENGTHS}):
        with pytest.raises(ConfigError, match="None"):
            head(features, **inputs(head), **alone)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("wrong", [-1, S])
def test_at_least_one_step_stays_free(name, wrong):
    with pytest.raises(ConfigError, match=r"max_prefix must be a whole number"):
        build_head({"type": name, **SIZES, **OPTIONS[name], "max_prefix": wrong})


def test_a_layer_reads_steps_flags_and_the_last_step_once_more():
    layer = PrefixLayer(D, N, 2 * N)
    assert not layer.linear.weight.any()
    with torch.no_grad():
        layer.linear.weight[:N, -N:] = torch.eye(N)
        layer.linear.weight[N:, D * N : D * N + D] = 1.0
    prefix = given()
    added = layer(read_prefix(Sizes(), prefix, LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.allclose(added[row, :N], prefix[row, length - 1] if length else torch.zeros(N))
        assert (added[row, N:] == length).all()


def test_an_error_at_the_last_committed_step_is_carried_on_and_decays():
    continuation, chunk, prefix = Continuation(S, N), torch.zeros(2, S, N), torch.ones(2, S, N)
    with torch.no_grad():
        found = continuation(chunk, read_prefix(Sizes(), prefix, torch.tensor([0, 3])))
    assert torch.equal(found[0], chunk[0])
    assert (found[1, :3] == 1.0).all()
    carried = found[1, 3:, 0]
    assert 0.7 < carried[0] < 1.0 and (carried.diff() < 0.0).all() and carried[-1] > 0.0


def test_steps_that_count_are_recorded_and_not_given():
    recorded = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    assert without_given(recorded, torch.tensor([1, 0])).tolist() == [[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
