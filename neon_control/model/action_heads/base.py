"""What every action head is: a map from features to a chunk of actions, and an objective to train it by.

A head turns features c (B, F) into actions a (B, S, N), normalised to [-1, 1]; S steps ahead, N dimensions. Two families:

- A *regression* head gives one answer, a = f(c). It is trained by E ||f(c) - a||^2, whose minimum is the conditional
  mean E[a | c]: where two different actions are both right, it answers with their average, which may be wrong.
- A *generative* head turns noise into a draw from p(a | c): where two actions are right it gives one or the other. It
  is trained by regressing a field (velocity or noise) at random times along a path between noise and data.

Both say what they minimise, for each element, in `error`; averaging, masks and group weights are the same for all
(`losses.py`). `training_loss` is therefore the one name by which any head can be trained.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neon_control.model.action_heads.losses import reduce_error, squared_error, without_padding
from neon_control.model.action_heads.prefix import prefix_inputs, without_given


class ActionHead(nn.Module):
    """Base of all heads."""

    action_dim: int  # N
    num_steps: int  # S
    multi_modal: bool = False  # `forward` draws samples rather than giving the mean
    token_dim: int = 0  # width of the tokens that it can look at besides its features, 0 for none
    max_prefix: int = 0  # D: the most committed steps that it can go on from (`prefix.py`), 0 for none
    takes_start: bool = False  # whether draws can start from what is under way without having been taught to (`forward_only.py`)
    temporal: str = "none"  # how the steps of a chunk know of each other: "none", "step embeddings", "self-attention"

    def error(self, features: Tensor, target: Tensor, mask: Tensor | None = None, **inputs: Any) -> Tensor:
        """The objective for each element, (B, S, N), before averaging; of features (B, F) and normalised actions (B, S, N).

        Args:
            mask: (B, S), 0 for padded steps: whatever the target holds there, NaN too, nothing depends on it. The errors
                themselves are masked by whoever averages them.
            inputs: what a particular head takes besides (`tokens`, `current_state`, `generator`, ...), and `prefix_length` (B,): of so
                many steps the target is given, where `max_prefix` is above 0; their error is 0.
        """
        raise TypeError(f"{type(self).__name__} must define `error`, the objective that it is trained by")

    def training_loss(
        self,
        features: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        reduction: str = "mean",
        prefix_length: Tensor | None = None,
        **inputs: Any,
    ) -> Tensor:
        """The scalar to call `backward()` on, for any head; with a prefix, over the steps that are not given."""
        if prefix_length is None:
            return reduce_error(self.error(features, target, mask, **inputs), mask, reduction)
        error = self.error(features, target, mask, prefix_length=prefix_length, **inputs)
        return reduce_error(error, without_given(torch.ones_like(target[..., 0]) if mask is None else mask, prefix_length), reduction)


class RegressionHead(ActionHead):
    """Base of the heads with one answer. Loss: mean of (f(c) - a)^2."""

    def error(
        self, features: Tensor, target: Tensor, mask: Tensor | None = None, prefix_length: Tensor | None = None, **inputs: Any
    ) -> Tensor:
        """(f(c) - a)^2 for each element; a head of one step is compared with every step of a chunk."""
        target = without_padding(target, mask)
        inputs |= {} if prefix_length is None else {"prefix": target, "prefix_length": prefix_length}
        predicted = self(features, **inputs)
        if predicted.dim() < target.dim():
            predicted = predicted.unsqueeze(1).expand_as(target)
        return squared_error(predicted, target)

    def sample(self, features: Tensor, prefix: Tensor | None = None, prefix_length: Tensor | None = None, **inputs: Any) -> Tensor:
        """The one answer of this head, whatever `noise` or `generator` says; here so that any head can be sampled."""
        result: Tensor = self(features, **prefix_inputs(prefix, prefix_length))
        return result

    def compute_loss(self, predicted: Tensor, target: Tensor, mask: Tensor | None = None, reduction: str = "mean") -> Tensor:
        """MSE of predictions that were made already; padded steps (mask 0) add nothing."""
        return reduce_error(squared_error(predicted, without_padding(target, mask)), mask, reduction)
