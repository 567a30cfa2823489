"""What may be asked of any head: number types, copies, odd inputs, masks, and a gradient for every parameter."""

from __future__ import annotations

import copy

import pytest
import torch

from neon_control.model.action_heads import build_head, registered_heads

SIZES = {"input_dim": 20, "action_dim": 3, "num_steps": 5}
FLOW = {"hidden_dim": 32}
DIT = {"hidden_dim": 48, "num_layers": 2, "num_heads": 3}
OPTIONS = {
    "mlp": {"hidden_dim": 16},
    "chunking": {"hidden_dim": 16},
    "grouped": {"mlp_hidden": 24, "groups": {"arms": 1, "torso": 1, "base": 1}},
    "flow": FLOW,
    "dit": DIT,
    "ensemble": {"mlp_hidden": 16, "flow_hidden": 32, "dit_hidden": 48, "dit_layers": 2, "dit_heads": 3},
    "state_relative": {"inner": {"type": "dit", **DIT}},
}


@pytest.fixture(params=registered_heads())
def head(request):
    return build_head({"type": request.param, **SIZES, **OPTIONS[request.param]}).eval()


def answer(head, features, noise):
    with torch.no_grad():
        return head(features, **({"noise": noise} if head.multi_modal else {}))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_draws_and_trains_in_other_number_types(head, kind):
    exact = answer(head, features := torch.randn(4, 20), noise := torch.randn(4, 5, 3))
    head.to(kind)
    found = answer(head, features.to(kind), noise.to(kind))
    assert found.dtype == kind
    assert torch.allclose(found.float(), exact, atol=1e-5 if kind == torch.float64 else 0.05)
    assert head.sample(features.to(kind)).dtype == kind
    loss = head.training_loss(features.to(kind), (torch.rand(4, 5, 3) - 0.5).to(kind))
    loss.backward()
    assert loss.isfinite()


def test_a_copy_and_loaded_weights_answer_alike_and_independently(head):
    features, noise = torch.randn(4, 20), torch.randn(4, 5, 3)
    expected = answer(head, features, noise)
    other = copy.deepcopy(head)
    assert torch.equal(answer(other, features, noise), expected)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1)
    assert not torch.allclose(answer(other, features, noise), expected)
    assert torch.equal(answer(head, features, noise), expected)
    other.load_state_dict(head.state_dict())
    assert torch.equal(answer(other, features, noise), expected)


def test_inputs_need_not_be_contiguous(head):
    features, noise = torch.randn(4, 40)[:, ::2], torch.randn(4, 3, 5).mT
    assert torch.allclose(answer(head, features, noise), answer(head, features.contiguous(), noise.contiguous()), atol=1e-6)
    head.training_loss(features, torch.rand(4, 3, 5).mT - 0.5, torch.ones(5, 4).mT).backward()


def test_an_empty_batch_gives_an_empty_answer(head):
    assert answer(head, torch.zeros(0, 20), torch.zeros(0, 5, 3)).shape[0] == 0


def test_padding_may_hold_anything(head):
    features, target, mask = torch.randn(4, 20), torch.rand(4, 5, 3) - 0.5, torch.arange(5) < torch.tensor([[5], [3], [1], [2]])
    losses = []
    for padding in (0.7, float("nan")):
        torch.manual_seed(1)
        head.zero_grad()
        losses.append(head.training_loss(features, target.masked_fill(~mask.unsqueeze(-1), padding), mask))
        losses[-1].backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())
    assert losses[0].item() == losses[1].item()


@pytest.mark.parametrize("reduction", ["mean", "valid"])
def test_a_batch_of_padding_only_has_no_loss(head, reduction):
    loss = head.training_loss(torch.randn(4, 20), torch.full((4, 5, 3), float("nan")), torch.zeros(4, 5), reduction)
    assert loss.item() == 0.0


def test_every_parameter_is_trained(head):
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if name.endswith("output.weight"):
                parameter.mul_(20.0)  # heads start with outputs near zero
    head.training_loss(torch.randn(16, 20), torch.rand(16, 5, 3) - 0.5).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or p.grad.abs().sum() == 0.0] == []


def test_compiles_without_a_break_in_the_graph(head):
    features, noise = torch.randn(4, 20), torch.randn(4, 5, 3)
    torch.compiler.reset()
    compiled = torch.compile(head, backend="eager", fullgraph=True)
    assert torch.allclose(answer(compiled, features, noise), answer(head, features, noise), atol=1e-5)


@pytest.mark.parametrize("kind", registered_heads())
@pytest.mark.parametrize("steps", [8, 50, 64])
def test_a_chunk_may_have_any_number_of_steps(kind, steps):
    head = build_head({"type": kind, **SIZES, **OPTIONS[kind], "num_steps": steps}).eval()
    noise = torch.randn(4, steps, 3)
    chunk = answer(head, torch.randn(4, 20), noise)
    assert chunk.shape == (4, 3) if kind == "mlp" else (4, steps, 3)
    head.training_loss(torch.randn(4, 20), torch.rand(4, steps, 3) - 0.5).backward()
