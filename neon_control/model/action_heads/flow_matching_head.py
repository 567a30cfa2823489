"""FlowMatchingHead: chunks by flow matching along straight lines."""

from __future__ import annotations

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.generative import GenerativeHead
from neon_control.model.action_heads.integrator import euler
from neon_control.model.action_heads.path import LinearPath
from neon_control.model.action_heads.prefix import check_max_prefix
from neon_control.model.action_heads.velocity_network import VelocityNetwork


class FlowMatchingHead(GenerativeHead):
    """Learns the velocity from noise to actions (Lipman et al. 2022; as an action head: Black et al. 2024, pi0).

    Loss:      E || v(x_t, t, c) - (a - e) ||^2,   x_t = (1 - t) e + t a,   e ~ N(0, I),   t ~ U(0, 1) or 1 - t ~ Beta
    Sampling:  x_0 ~ N(0, I);   x <- x + v(x, t, c) / K   at t = 0, 1/K .. (K-1)/K      (time 0: noise, time 1: action)

    where a is the action before its soft cap (see `GenerativeHead`).

    Args:
        noise_beta_alpha, noise_beta_beta: the share of noise 1 - t ~ Beta(alpha, beta); alpha = 0 means uniform times. pi0 and GR00T
            train more near the noise, with alpha = 1.5 and beta = 1.
        use_cross_attention: let the network look at the backbone's tokens, of width `cross_attention_dim` (default: input_dim).

    Raises:
        ConfigError: a size, dropout, the cap, alpha or beta is out of range, or there are fewer than 2 layers.
    """

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int = 16,
        hidden_dim: int = 512,
        num_layers: int = 4,
        num_denoise_steps: int = 4,
        soft_cap_value: float = 1.0,
        noise_beta_alpha: float = 0.0,
        use_cross_attention: bool = False,
        *,
        dropout: float = 0.1,
        noise_beta_beta: float = 1.0,
        cross_attention_dim: int | None = None,
        max_prefix: int = 0,
    ) -> None:
        sizes = {"input_dim": input_dim, "action_dim": action_dim, "num_steps": num_steps, "hidden_dim": hidden_dim}
        # At least two layers: one for the observation and one for the chunk.
        check_arguments("FlowMatchingHead", 2, **sizes, num_layers=num_layers, dropout=dropout)
        check_max_prefix("FlowMatchingHead", max_prefix, num_steps)
        if cross_attention_dim is not None and not use_cross_attention:
            raise ConfigError(f"cross_attention_dim = {cross_attention_dim} was given, but use_cross_attention is off")
        context_dim = (cross_attention_dim or input_dim) if use_cross_attention else None
        network = VelocityNetwork(input_dim, action_dim, num_steps, hidden_dim, num_layers, dropout, context_dim, max_prefix)
        noise_beta = (noise_beta_alpha, noise_beta_beta)
        super().__init__(network, LinearPath(), euler, action_dim, num_steps, num_denoise_steps, soft_cap_value, noise_beta, max_prefix)
        self.token_dim = context_dim or 0
