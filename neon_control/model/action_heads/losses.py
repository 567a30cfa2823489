"""From errors per element (B, S, N) to one number, with masks, group weights and a report for each group.

Masks are (B, S), 1 for a real step and 0 for a padded one. There are two ways to average:

- "mean" is the specification's: masked elements count as zeros in the mean. A batch with more padding gives a smaller
  loss and smaller gradients.
- "valid" divides by the number of unmasked elements, so that the size of a step does not depend on how much of the
  batch is padding. Use it when episodes are short compared with a chunk, and to compare runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch.nn.functional as F
from torch import Tensor

from neon_control.core.common.errors import ConfigError

REDUCTIONS = ("mean", "valid")


def reduce_error(error: Tensor, mask: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Average errors (..., N) under a mask (...) of 0 and 1.

    Raises:
        ConfigError: the reduction is unknown.
    """
    if reduction not in REDUCTIONS:
        raise ConfigError(f"unknown reduction '{reduction}'; it must be one of {list(REDUCTIONS)}")
    if mask is None:
        return error.mean()
    masked = error * mask.unsqueeze(-1)  # (..., N)
    if reduction == "mean":
        return masked.mean()
    return masked.sum() / (mask.sum() * error.shape[-1]).clamp(min=1.0)


def without_padding(target: Tensor, mask: Tensor | None) -> Tensor:
    """Targets (..., N) with zeros where the mask (...) is 0: padding may hold anything, NaN too, which times 0 is still NaN."""
    return target if mask is None else target.masked_fill(mask.unsqueeze(-1) == 0, 0.0)


def squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """(predicted - target)^2 for each element.

    Raises:
        ConfigError: the shapes differ (torch would repeat the smaller one, with a warning).
    """
    if predicted.shape != target.shape:
        raise ConfigError(f"predictions have shape {tuple(predicted.shape)}, but their targets {tuple(target.shape)}")
    return F.mse_loss(predicted, target, reduction="none")


def group_slices(groups: Mapping[str, int]) -> dict[str, slice]:
    """Group sizes, in the order of an action, to slices of its last axis."""
    ends = accumulate(groups.values())
    return {name: slice(end - size, end) for (name, size), end in zip(groups.items(), ends, strict=True)}


def grouped_loss(
    error: Tensor, groups: Mapping[str, int], weights: Mapping[str, float], mask: Tensor | None = None, reduction: str = "mean"
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weight each group's error (B, S, N) and report each group by itself.

    loss = sum over groups of weight_g * size_g / N * loss_g: with every weight 1 this is the plain loss, and
    `{"arms": 2.0}` doubles what the arms add to it.

    Args:
        groups: group -> number of action dimensions, in the order of the action.
        weights: group -> weight; a group left out weighs 1.

    Returns:
        the scalar to minimise, and group -> unweighted loss (detached).
    """
    total = error.new_zeros(())
    report = {}
    for name, part in group_slices(groups).items():
        loss = reduce_error(error[..., part], mask, reduction)
        total = total + weights.get(name, 1.0) * groups[name] / error.shape[-1] * loss
        report[name] = loss.detach()
    return total, report
