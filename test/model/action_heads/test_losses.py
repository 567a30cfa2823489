"""Masks, averages and group weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads import RegressionHead
from neon_control.model.action_heads.losses import group_slices, grouped_loss, reduce_error, squared_error

GROUPS = {"arms": 3, "base": 2}
mse_loss = RegressionHead().compute_loss


def specified_loss(predicted, target, mask=None):
    """The specification's function, word for word."""
    loss = F.mse_loss(predicted, target, reduction="none")
    if mask is not None:
        loss = loss * mask.unsqueeze(-1)
    return loss.mean()


@pytest.fixture
def batch():
    return torch.randn(4, 6, 5), torch.randn(4, 6, 5), (torch.rand(4, 6) > 0.4).float()


def test_mean_is_the_specified_loss(batch):
    predicted, target, mask = batch
    assert torch.equal(mse_loss(predicted, target), specified_loss(predicted, target))
    assert torch.equal(mse_loss(predicted, target, mask), specified_loss(predicted, target, mask))


def test_valid_is_the_mean_over_unmasked_elements_whatever_the_padding(batch):
    predicted, target, mask = batch
    expected = ((predicted - target) ** 2)[mask.bool()].mean()
    assert mse_loss(predicted, target, mask, "valid").item() == pytest.approx(expected.item(), rel=1e-5)
    padding = torch.zeros(4, 6)
    padded = [torch.cat([x, x], dim=1) for x in (predicted, target)]
    assert mse_loss(*padded, torch.cat([mask, padding], dim=1), "valid").item() == pytest.approx(expected.item(), rel=1e-5)


def test_valid_of_nothing_is_zero(batch):
    predicted, target, _ = batch
    assert mse_loss(predicted, target, torch.zeros(4, 6), "valid").item() == 0.0


@pytest.mark.parametrize("reduction", ["mean", "valid"])
def test_masked_steps_get_exactly_no_gradient(batch, reduction):
    predicted, target, mask = batch
    predicted.requires_grad_()
    mse_loss(predicted, target, mask, reduction).backward()
    assert (predicted.grad[mask == 0.0] == 0.0).all()
    assert (predicted.grad[mask == 1.0] != 0.0).any()


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float64])
@pytest.mark.parametrize("reduction", ["mean", "valid"])
def test_masks_of_any_type_weigh_alike(batch, reduction, kind):
    predicted, target, mask = batch
    found = mse_loss(predicted, target, mask.to(kind), reduction).item()
    assert found == pytest.approx(mse_loss(predicted, target, mask, reduction).item(), rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "valid"])
def test_padding_may_hold_anything(batch, reduction):
    predicted, target, mask = batch
    garbage = target.masked_fill(mask.unsqueeze(-1) == 0.0, float("nan"))
    predicted.requires_grad_()
    loss = mse_loss(predicted, garbage, mask, reduction)
    loss.backward()
    assert loss.item() == mse_loss(predicted, target, mask, reduction).item()
    assert predicted.grad.isfinite().all()


def test_shapes_that_torch_would_stretch_are_refused(batch):
    predicted, target, _ = batch
    with pytest.raises(ConfigError, match=r"\(4, 6, 5\), but their targets \(4, 1, 5\)"):
        mse_loss(predicted, target[:, :1])


def test_group_weights_of_one_give_the_plain_loss(batch):
    predicted, target, mask = batch
    total, report = grouped_loss(squared_error(predicted, target), GROUPS, {}, mask)
    assert total.item() == pytest.approx(specified_loss(predicted, target, mask).item(), rel=1e-5)
    assert list(report) == ["arms", "base"]
    assert report["arms"].item() == pytest.approx(specified_loss(predicted[..., :3], target[..., :3], mask).item())


def test_arms_twice_adds_the_arms_once_more(batch):
    predicted, target, _ = batch
    error = squared_error(predicted, target)
    plain, report = grouped_loss(error, GROUPS, {})
    weighted, weighted_report = grouped_loss(error, GROUPS, {"arms": 2.0})
    assert (weighted - plain).item() == pytest.approx(report["arms"].item() * 3 / 5, rel=1e-5)
    assert weighted_report == report  # the report stays comparable between runs


def test_group_slices_follow_the_order_of_the_action():
    assert group_slices(GROUPS) == {"arms": slice(0, 3), "base": slice(3, 5)}


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ConfigError, match="median"):
        reduce_error(torch.zeros(1, 1, 5), None, "median")
