"""GroupedActionHead: a decoder of its own for each group of joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.action_heads.base import RegressionHead
from neon_control.model.action_heads.chunking_head import ActionChunkingHead
from neon_control.model.action_heads.config import ActionHeadConfig
from neon_control.model.action_heads.losses import group_slices
from neon_control.model.action_heads.mlp_decoder import MLPDecoder
from neon_control.model.action_heads.prefix import Continuation, PrefixLayer, read_prefix

CHUNKED = ("arms", "hands", "base")  # groups that get a step-by-step plan; torso and legs get one pose for the whole chunk
NARROW = ("base", "torso")  # groups of few dimensions, decoded by a third of the width
SHARED = ("num_layers", "dropout", "use_relu_squared", "use_rmsnorm", "use_residual_scale", "soft_cap_value")  # options of both decoders


def group_sizes(space: ActionSpace) -> dict[str, int]:
    """The groups of an action space and their sizes, in the order of the action: `{"arms": 14, "base": 3}`."""
    return {name: part.stop - part.start for name, part in space.groups.items()}


class GroupedActionHead(RegressionHead):
    """Arms, hands and base by ActionChunkingHeads, torso and legs by MLPDecoders whose one step is held over the chunk.

    Loss: mean (f(c) - a)^2, with a weight and a report for each group (`losses.grouped_loss`). Output (B, S, N) in the
    order arms, hands, torso, legs, base, in every mode and for every switch:

    - `use_separate_heads` off: one decoder for all dimensions.
    - `use_action_chunking` off: MLPDecoders only, held over the S steps.

    Each decoder reads the committed steps of its own dimensions (`prefix.py`), where `max_prefix` is above 0.

    A wider mode adds decoders and leaves the names and shapes of the others alone, so that a narrower mode's weights load.

    Args:
        groups: group -> number of dimensions, in the order of the action (see `group_sizes`).

    Raises:
        ConfigError: no groups, or an empty one.
    """

    def __init__(self, config: ActionHeadConfig, groups: Mapping[str, int]) -> None:
        super().__init__()
        if not groups or min(groups.values()) < 1:
            raise ConfigError(f"a grouped head needs at least one group, each of one dimension or more; got {dict(groups)}")
        self.groups = dict(groups)
        self.config = replace(config, action_dim=sum(groups.values()))
        self.action_dim = self.config.action_dim
        self.num_steps = config.num_action_steps
        if config.use_action_chunking:
            self.temporal = ActionChunkingHead.temporal
        parts = self.groups if config.use_separate_heads else {"all": self.action_dim}
        self.places = group_slices(parts)  # of each decoder's dimensions
        self.heads = nn.ModuleDict({name: self._build(name, dim) for name, dim in parts.items()})
        self.max_prefix = config.max_prefix
        # Of decoders of one step, which do not have them themselves.
        held = {name: dim for name, dim in parts.items() if self.max_prefix and isinstance(self.heads[name], MLPDecoder)}
        self.prefixes = nn.ModuleDict({name: PrefixLayer(self.max_prefix, dim, self._width(name)) for name, dim in held.items()})
        self.continuations = nn.ModuleDict({name: Continuation(self.num_steps, dim) for name, dim in held.items()})

    def _width(self, name: str) -> int:
        hidden = self.config.mlp_hidden
        return hidden // 24 * 8 if name in NARROW and hidden >= 24 else hidden

    def _build(self, name: str, dim: int) -> RegressionHead:
        config = self.config
        shared: dict[str, Any] = {option: getattr(config, option) for option in SHARED}
        shared["hidden_dim"] = self._width(name)
        if config.use_action_chunking and name in (*CHUNKED, "all"):
            return ActionChunkingHead(config.hidden_size, dim, config.num_action_steps, **shared, max_prefix=config.max_prefix)
        return MLPDecoder(config.hidden_size, dim, use_skip_connections=config.use_skip_connections, **shared)

    def forward(self, features: Tensor, prefix: Tensor | None = None, prefix_length: Tensor | None = None) -> Tensor:
        """(B, F) -> (B, S, N); the prefix is as of `prefix.py`."""
        committed = read_prefix(self, prefix, prefix_length)
        chunks = []
        for name, head in self.heads.items():
            own = None if committed is None else committed.part(self.places[name])
            if isinstance(head, ActionChunkingHead):
                chunks.append(head.chunk(features, own))  # (B, S, n)
                continue
            pose = head(features, None if own is None else self.prefixes[name](own))  # (B, n)
            chunk = pose.unsqueeze(1).expand(-1, self.num_steps, -1)
            chunks.append(chunk if own is None else self.continuations[name](chunk, own))
        return torch.cat(chunks, dim=-1)  # (B, S, N)
