"""The configuration of the MLP-type heads; its defaults are the specification's."""

from __future__ import annotations

from dataclasses import dataclass

from neon_control.core.common.fields import check_fields, setting
from neon_control.model.action_heads.prefix import check_max_prefix


@dataclass(frozen=True)
class ActionHeadConfig:
    """Sizes and v2 switches, validated once.

    The v2 techniques are `use_relu_squared` to `soft_cap_value`. Off, they give the v1 heads: GELU, no norm, plain residuals, no skip,
    hard tanh.

    Raises:
        ConfigError: a size is not positive, a switch is neither true nor false, or dropout or the cap is out of range.
    """

    hidden_size: int = setting(2048, "F, width of the features", minimum=1)
    action_dim: int = setting(17, "N; a grouped head sets it from its action space", minimum=1)
    num_action_steps: int = setting(16, "S, chunk size", minimum=1)
    mlp_hidden: int = setting(512, minimum=1)
    num_layers: int = setting(3, "linear layers of a decoder", minimum=2)
    dropout: float = setting(0.1, minimum=0.0, below=1.0)
    use_separate_heads: bool = True  # a decoder for each joint group
    use_action_chunking: bool = True  # predict S steps; off: one step, held
    use_relu_squared: bool = True
    use_rmsnorm: bool = True
    use_residual_scale: bool = True
    use_skip_connections: bool = True
    soft_cap_value: float = setting(1.0, "0: hard tanh", minimum=0.0)
    max_prefix: int = setting(0, "D, the most committed steps that a chunk goes on from (`prefix.py`); fewer than S", minimum=0)

    def __post_init__(self) -> None:
        check_fields(self)
        check_max_prefix("ActionHeadConfig", self.max_prefix, self.num_action_steps)
