"""DiTActionHead: chunks by diffusion with a transformer over their steps."""

from __future__ import annotations

from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.dit_network import DiTNetwork
from neon_control.model.action_heads.generative import GenerativeHead
from neon_control.model.action_heads.integrator import ddim
from neon_control.model.action_heads.path import CosinePath


class DiTActionHead(GenerativeHead):
    """A diffusion transformer over the S action tokens (Peebles and Xie 2023; as an action head: GR00T N1.6).

    Loss:      E || v(x_t, t, c) - (cos(p) a - sin(p) e) ||^2,   x_t = cos(p) e + sin(p) a,   p = pi t / 2,   t ~ U(0, 1)
    Sampling:  DDIM, x <- cos(d) x + sin(d) v(x, t, c), d = pi / (2 K), at t = 0, 1/K .. (K-1)/K   (time 0: noise, time 1: action)

    where a is the action before its soft cap (see `GenerativeHead`). Stable for any K: see `CosinePath`.

    Args:
        cross_attention_dim: width of the backbone's tokens, if every block is to look at them.

    Raises:
        ConfigError: a size, dropout or the cap is out of range, or hidden_dim is no multiple of num_heads.
    """

    temporal = "self-attention"

    def __init__(
        self,
        input_dim: int,
        action_dim: int,
        num_steps: int = 16,
        hidden_dim: int = 384,
        num_layers: int = 8,
        num_heads: int = 6,
        num_denoise_steps: int = 4,
        soft_cap_value: float = 1.0,
        *,
        dropout: float = 0.1,
        cross_attention_dim: int | None = None,
        max_prefix: int = 0,
    ) -> None:
        sizes = {"input_dim": input_dim, "action_dim": action_dim, "num_steps": num_steps, "hidden_dim": hidden_dim}
        check_arguments("DiTActionHead", **sizes, num_layers=num_layers)
        network = DiTNetwork(input_dim, action_dim, num_steps, hidden_dim, num_layers, num_heads, dropout, cross_attention_dim, max_prefix)
        super().__init__(network, CosinePath(), ddim, action_dim, num_steps, num_denoise_steps, soft_cap_value, max_prefix=max_prefix)
        self.token_dim = cross_attention_dim or 0
