"""The parts of the heads against their definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neon_control.model.action_heads.primitives import Folded, ReLUSquared, Residual, RMSNorm, RowsLinear, UnitRMS, cap_output, soft_cap

finite = st.floats(-1e3, 1e3, allow_subnormal=False)  # below the smallest normal number, rounding is as large as the number


@given(finite)
def test_relu_squared_is_the_square_of_the_positive_part(x):
    assert ReLUSquared()(torch.tensor(x, dtype=torch.float64)).item() == max(0.0, x) * max(0.0, x)


def test_relu_squared_has_a_continuous_gradient():
    x = torch.tensor([-1.0, -1e-4, 0.0, 1e-4, 1.0], requires_grad=True)
    ReLUSquared()(x).sum().backward()
    assert torch.allclose(x.grad, torch.tensor([0.0, 0.0, 0.0, 2e-4, 2.0]))


@given(st.floats(0.1, 100.0))
def test_rms_norm_gives_unit_mean_square_and_forgets_the_scale(scale):
    x = torch.linspace(-1.0, 2.0, 64).unsqueeze(0)
    normed = RMSNorm(64, eps=1e-12)(scale * x)
    assert normed.square().mean().item() == pytest.approx(1.0, rel=1e-4)
    assert torch.allclose(normed, RMSNorm(64, eps=1e-12)(x), atol=1e-5)


def test_unit_rms_is_rms_norm_without_weights():
    x = torch.randn(3, 64)
    assert torch.allclose(UnitRMS()(x), RMSNorm(64)(x), atol=1e-4)


def test_rms_norm_is_the_same_when_it_is_compiled():
    x, norm = torch.randn(3, 64), RMSNorm(64)
    assert torch.allclose(torch.compile(norm, backend="eager", fullgraph=True)(x), norm(x), atol=1e-6)


def test_rms_norm_takes_no_mean_off_and_applies_its_weight():
    norm = RMSNorm(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert torch.allclose(norm(torch.full((1, 4), 5.0)), norm.weight.unsqueeze(0), atol=1e-5)


@given(finite, st.floats(0.1, 50.0))
def test_soft_cap_is_bounded_odd_and_shrinks(x, cap):
    y = soft_cap(torch.tensor(x, dtype=torch.float64), cap).item()
    assert abs(y) <= cap
    assert abs(y) <= abs(x) * (1.0 + 1e-12)
    assert y == pytest.approx(-soft_cap(torch.tensor(-x, dtype=torch.float64), cap).item())


@pytest.mark.parametrize("cap", [0.5, 1.0, 30.0])
def test_soft_cap_has_slope_one_at_zero_and_one_minus_tanh_squared_elsewhere(cap):
    x = torch.tensor([0.0, cap, -2.0 * cap], dtype=torch.float64, requires_grad=True)
    soft_cap(x, cap).sum().backward()
    assert x.grad[0].item() == 1.0
    assert torch.allclose(x.grad, 1.0 - torch.tanh(x.detach() / cap) ** 2)
    assert (x.grad > 0.0).all()


def test_soft_cap_is_monotonic():
    y = soft_cap(torch.linspace(-5.0, 5.0, 1001, dtype=torch.float64), 1.0)
    assert (y.diff() > 0.0).all()


def test_cap_zero_is_the_hard_tanh():
    x = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.7, 1.0, 3.0])
    assert torch.equal(cap_output(x, 0.0), x.clamp(-1.0, 1.0))
    assert torch.equal(cap_output(x, 1.0), torch.tanh(x))


def test_residual_learns_alpha_or_keeps_it_at_one():
    h, r = torch.ones(2), torch.full((2,), 3.0)
    learned, plain = Residual(), Residual(learned=False)
    assert torch.equal(learned(h, r), plain(h, r))
    assert [p.numel() for p in learned.parameters()] == [1]
    assert list(plain.parameters()) == []


@pytest.mark.parametrize("bias", [True, False])
def test_rows_linear_is_a_linear_layer_with_its_matrix_the_other_way_round(bias):
    rows, linear, x = RowsLinear(7, 5, bias), torch.nn.Linear(7, 5, bias), torch.randn(2, 3, 7)
    assert rows.weight.is_contiguous()  # as safetensors needs it
    linear.load_state_dict({name: value.t() if name == "weight" else value for name, value in rows.state_dict().items()})
    assert torch.allclose(rows(x), linear(x), atol=1e-6)
    assert rows.weight.abs().max() <= 7**-0.5


class TestFolded:
    def test_computes_once_until_a_parameter_changes(self):
        parameter, calls, folded = torch.nn.Parameter(torch.ones(2)), [], Folded()

        def compute():
            calls.append(1)
            return parameter * 2.0

        with torch.no_grad():
            first = folded(compute, [parameter])
            assert folded(compute, [parameter]) is first
            parameter.add_(1.0)
            assert torch.equal(folded(compute, [parameter]), torch.full((2,), 4.0))
        assert len(calls) == 2

    def test_stays_connected_while_gradients_are_recorded(self):
        parameter, folded = torch.nn.Parameter(torch.ones(2)), Folded()
        with torch.no_grad():
            folded(lambda: parameter * 2.0, [parameter])
        folded(lambda: parameter * 2.0, [parameter]).sum().backward()
        assert torch.equal(parameter.grad, torch.full((2,), 2.0))

    @pytest.mark.parametrize("kind", [{"fused": True}, {"foreach": True}, {}], ids=str)
    def test_notices_an_optimisers_step_also_a_fused_one_which_leaves_the_version_alone(self, kind):
        parameter, folded = torch.nn.Parameter(torch.ones(1)), Folded()
        optimiser = torch.optim.AdamW([parameter], lr=0.5, **kind)
        with torch.no_grad():
            before = folded(lambda: parameter * 2.0, [parameter]).item()
        parameter.grad = torch.ones(1)
        optimiser.step()
        with torch.no_grad():
            assert folded(lambda: parameter * 2.0, [parameter]).item() == parameter.item() * 2.0 != before

    def test_keys_are_kept_apart(self):
        parameter, folded = torch.ones(1), Folded()
        with torch.no_grad():
            assert folded(lambda: parameter + 1.0, [parameter], key=1).item() == 2.0
            assert folded(lambda: parameter + 2.0, [parameter], key=2).item() == 3.0
