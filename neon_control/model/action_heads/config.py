"""The configuration of the MLP-type heads; its defaults are the specification's."""

from __future__ import annotations

from dataclasses import dataclass, fields

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads.checks import check_dropout, check_soft_cap, check_whole


@dataclass(frozen=True)
class ActionHeadConfig:
    """Sizes and v2 switches, validated once.

    The last five fields are the v2 techniques. Off, they give the v1 heads: GELU, no norm, plain residuals, no skip, hard tanh.

    Raises:
        ConfigError: a size is not positive, a switch is neither true nor false, or dropout or the cap is out of range.
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
        owner = type(self).__name__
        check_whole(owner, **{name: getattr(self, name) for name in ("hidden_size", "action_dim", "num_action_steps", "mlp_hidden")})
        check_whole(owner, 2, num_layers=self.num_layers)
        check_dropout(owner, self.dropout)
        check_soft_cap(owner, self.soft_cap_value)
        for name in (f.name for f in fields(self) if f.name.startswith("use_")):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{owner}.{name} must be true or false, got {getattr(self, name)!r}")
