"""StateRelativeHead: any head, predicting changes from the current state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads.base import ActionHead
from neon_control.model.action_heads.forward_only import check_start
from neon_control.model.action_heads.prefix import check_prefix, prefix_inputs


class StateRelativeHead(ActionHead):
    """Adds the inner head's output to the current state: a = s + c * delta (the relative actions of GR00T N1.6).

    Loss: the inner head's objective on (a - s) / c, that is, in delta space. Sampling: the inner head's, times c, plus s. A mask
    says which dimensions are relative; s counts as zero on the others (a base velocity is no change of a position). There are no
    parameters of its own. Committed steps (`prefix.py`) are given as actions, and are made changes from the same state.

    The unit c is 1, unless `scaled`. Within 300 ms a joint moves by a small share of its range, and in the first step by next to
    nothing: a head that draws would then learn to turn noise of size 1 into changes of size 0.01, and its errors would be larger
    than what it says. Measured in what is usual for each joint and step (`set_scale`), all changes are of size 1.

    The inner head's cap bounds the change, not the action: a lies within s +- c cap, and may leave [-1, 1] (the executor holds it to
    the joint's limits). Unscaled, with the usual cap of 1, a joint moves by less than half its range within a chunk, which is plenty
    for 0.3 s; a generative head takes larger changes in training for 0.99 of the cap. `soft_cap_value=2.0` allows any change.

    Args:
        relative: (N,) true where a dimension is relative; all of them if left out.
        scaled: whether c is a buffer that training sets and that travels with the weights.
    """

    inner_head: Any  # an ActionHead; one that draws has `sample` as well
    relative: Tensor  # (N,) bool
    source: Tensor  # (N,)
    scale: Tensor | None  # (S, N)

    def __init__(
        self, inner_head: ActionHead, action_dim: int, num_steps: int = 16, relative: Sequence[bool] | None = None, scaled: bool = False
    ) -> None:
        super().__init__()
        relative = [True] * action_dim if relative is None else list(relative)
        if len(relative) != action_dim:
            raise ConfigError(f"StateRelativeHead: `relative` has {len(relative)} entries, needs action_dim = {action_dim}")
        if (inner_head.action_dim, inner_head.num_steps) not in ((action_dim, num_steps), (action_dim, 1)):
            raise ConfigError(
                f"StateRelativeHead: the inner head gives {inner_head.num_steps} steps of {inner_head.action_dim} dimensions, "
                f"needs {num_steps} steps of {action_dim}"
            )
        if scaled and inner_head.num_steps != num_steps:
            raise ConfigError(f"StateRelativeHead: changes are scaled step by step, but the inner head gives one step for all {num_steps}")
        self.inner_head = inner_head
        self.action_dim = action_dim
        self.num_steps = num_steps
        self.multi_modal = inner_head.multi_modal
        self.token_dim = inner_head.token_dim
        self.max_prefix = inner_head.max_prefix
        self.takes_start = inner_head.takes_start
        self.temporal = inner_head.temporal
        self.num_relative = sum(relative)
        # source[n]: where dimension n finds its state in a vector of the relative dimensions, with a zero appended to it
        source = [sum(relative[:n]) if relative[n] else self.num_relative for n in range(action_dim)]
        self.register_buffer("relative", torch.tensor(relative), persistent=False)
        self.register_buffer("source", torch.tensor(source), persistent=False)
        self.register_buffer("scale", torch.ones(num_steps, action_dim) if scaled else None)

    def set_scale(self, scale: Tensor) -> None:
        """Set the unit c (S, N) of the changes, in normalised actions; it is 1 on absolute dimensions, whatever `scale` says there.

        Raises:
            ConfigError: the head is not scaled, the shape is wrong, or a value is not positive and finite.
        """
        if self.scale is None:
            raise ConfigError("StateRelativeHead: `scaled` is off, there is no scale to set")
        if scale.shape != self.scale.shape or not (torch.isfinite(scale) & (scale > 0.0)).all():
            raise ConfigError(f"the scale of changes has shape {tuple(scale.shape)}, needs positive values of {tuple(self.scale.shape)}")
        self.scale.copy_(torch.where(self.relative, scale, torch.ones_like(scale)))

    def forward(
        self,
        features: Tensor,
        current_state: Tensor | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
        known_length: Tensor | None = None,
        **inputs: Any,
    ) -> Tensor:
        """(B, F) and a state (B, N) or (B, number of relative dimensions) -> (B, S, N); without a state, the deltas."""
        inputs |= self._from_state(current_state, prefix, prefix_length, known_length)
        return self._add_state(self.inner_head(features, **inputs), current_state)

    def sample(
        self,
        features: Tensor,
        current_state: Tensor | None = None,
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
        known_length: Tensor | None = None,
        **inputs: Any,
    ) -> Tensor:
        """A draw from a generative inner head, plus the state; `inputs` go to its `sample`."""
        inputs |= self._from_state(current_state, prefix, prefix_length, known_length)
        return self._add_state(self.inner_head.sample(features, **inputs), current_state)

    def error(
        self, features: Tensor, target: Tensor, mask: Tensor | None = None, current_state: Tensor | None = None, **inputs: Any
    ) -> Tensor:
        """The inner head's objective on (target - state) / c."""
        result: Tensor = self.inner_head.error(features, self._without_state(target, current_state), mask, **inputs)
        return result

    compute_loss = ActionHead.training_loss  # in delta space, for any inner head

    def _from_state(
        self, state: Tensor | None, prefix: Tensor | None, prefix_length: Tensor | None, known_length: Tensor | None
    ) -> dict[str, Any]:
        """What the inner head is told of the steps under way: changes from the state."""
        if known_length is None:
            check_prefix(self, prefix, prefix_length)
        else:
            check_start(self, prefix, prefix_length, known_length)
        return prefix_inputs(self._without_state(prefix, state), prefix_length, known_length)

    @overload
    def _without_state(self, actions: Tensor, state: Tensor | None) -> Tensor: ...
    @overload
    def _without_state(self, actions: None, state: Tensor | None) -> None: ...
    def _without_state(self, actions: Tensor | None, state: Tensor | None) -> Tensor | None:
        if actions is None:
            return None
        deltas = actions if state is None else actions - self._offset(state, actions.dim())
        return deltas if self.scale is None else deltas / self.scale

    def _add_state(self, deltas: Tensor, state: Tensor | None) -> Tensor:
        if self.scale is not None:
            deltas = deltas * self.scale
        return deltas if state is None else deltas + self._offset(state, deltas.dim())

    def _offset(self, state: Tensor, dim: int) -> Tensor:
        """The state as an action (B, [1,] N), zero where actions are absolute."""
        if state.shape[-1] == self.action_dim:
            offset = torch.where(self.relative, state, torch.zeros_like(state))
        elif state.shape[-1] == self.num_relative:
            offset = F.pad(state, (0, 1)).index_select(-1, self.source)  # (B, J) -> (B, N)
        else:
            raise ConfigError(
                f"current_state has {state.shape[-1]} dimensions, needs {self.num_relative} (the relative ones) or {self.action_dim}"
            )
        return offset.unsqueeze(1) if dim == 3 else offset
