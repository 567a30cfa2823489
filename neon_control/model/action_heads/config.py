"""The configuration of the MLP-type heads; its defaults are the specification's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neon_control.core.errors import ConfigError


@dataclass(frozen=True)
class ActionHeadConfig:
    """Sizes and v2 switches, validated once.

    The last five fields are the v2 techniques. Off, they give the v1 heads: GELU, no norm, plain residuals, no skip, hard tanh.

    Raises:
        ConfigError: a size is not positive, or dropout or the cap is out of range.
    """

    hidden_size: int = 2048  # F, width of the features
    action_dim: int = 17  # N; a grouped head sets it from its action space
    num_action_steps: int = 16  # S, chunk size
    mlp_hidden: int = 512
    num_layers: int = 3  # linear layers of a decoder
    dropout: float = 0.1
    use_separate_heads: bool = True  # a decoder for each joint group
    use_action_chunking: bool = True  # predict S steps; off: one step, held
    use_relu_squared: bool = True
    use_rmsnorm: bool = True
    use_residual_scale: bool = True
    use_skip_connections: bool = True
    soft_cap_value: float = 1.0  # 0: hard tanh

    def __post_init__(self) -> None:
        for name, least in (("hidden_size", 1), ("action_dim", 1), ("num_action_steps", 1), ("mlp_hidden", 1), ("num_layers", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"ActionHeadConfig.{name} must be a whole number >= {least}, got {value!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"ActionHeadConfig.dropout must be in [0, 1), got {self.dropout!r}")
        if not (math.isfinite(self.soft_cap_value) and self.soft_cap_value >= 0.0):
            raise ConfigError(f"ActionHeadConfig.soft_cap_value must be finite and >= 0, got {self.soft_cap_value!r}")
