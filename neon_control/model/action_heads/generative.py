"""GenerativeHead: what flow matching and diffusion share. A path, a network and an integrator make a head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from neon_control.core.errors import ConfigError
from neon_control.model.action_heads.base import ActionHead
from neon_control.model.action_heads.integrator import Field
from neon_control.model.action_heads.losses import reduce_error, squared_error
from neon_control.model.action_heads.primitives import Folded, cap_output, uncap_output


class Path(Protocol):
    """Points between noise and action, and the field to learn there; see `path.py`."""

    def point(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor: ...

    def field(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor: ...


class FieldNetwork(nn.Module):
    """Predicts a path's field. Its work is cut into three, so that sampling repeats only the last one.

    Half of a network's layers read the observation and run once for each chunk; the other half read the noisy chunk and
    run at every denoising step.
    """

    def time_parameters(self) -> list[Tensor]:
        """The parameters that `embed_time` reads."""
        raise TypeError(f"{type(self).__name__} must define time_parameters")

    def embed_time(self, t: Tensor) -> Tensor:
        """What depends on time only, (B,) -> (B, H): folded at inference."""
        raise TypeError(f"{type(self).__name__} must define embed_time")

    def condition(self, features: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None) -> Any:
        """What depends on the observation only: computed once for each chunk."""
        raise TypeError(f"{type(self).__name__} must define condition")

    def forward(self, x: Tensor, time: Tensor, condition: Any) -> Tensor:
        """The field at x (B, S, N), for embedded times (B, H) or (1, H): (B, S, N)."""
        raise TypeError(f"{type(self).__name__} must define forward")


class GenerativeHead(ActionHead):
    """Draws chunks from p(a | c) by following a learned field from noise to data.

    Loss, with e ~ N(0, I) and a random t:   E || network(x_t, t, c) - field(e, a, t) ||^2,   x_t on the path from e to a.
    Sampling:                                x_0 ~ N(0, I), then the integrator along the network to x_1.

    Actions live in (-cap, cap), noise does not. The path therefore ends at y = cap * atanh(a / cap), and a sample is
    soft_cap(y_1): bounded without bending what was learned. With soft_cap_value 0 the path ends at a itself, and samples
    are clamped to [-1, 1].

    Args:
        noise_beta: (alpha, beta): t ~ Beta(alpha, beta) in training instead of U(0, 1).

    Raises:
        ConfigError: the number of steps is below 1, or only one of alpha and beta is positive.
    """

    multi_modal = True

    def __init__(
        self,
        network: FieldNetwork,
        path: Path,
        integrate: Callable[[Field, Tensor, int], Tensor],
        action_dim: int,
        num_steps: int,
        num_denoise_steps: int,
        soft_cap_value: float,
        noise_beta: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__()
        if (noise_beta[0] > 0.0) != (noise_beta[1] > 0.0) or min(noise_beta) < 0.0:
            raise ConfigError(f"noise_beta_alpha and noise_beta_beta must both be 0 (uniform times) or both positive, got {noise_beta}")
        self.network = network
        self.path = path
        self.integrate = integrate
        self.action_dim = action_dim
        self.num_steps = num_steps
        self.num_denoise_steps = _at_least_one(num_denoise_steps)
        self.soft_cap_value = soft_cap_value
        self.noise_beta = noise_beta
        self._folded = Folded()

    def forward(self, features: Tensor, noise: Tensor | None = None, **inputs: Any) -> Tensor:
        """(B, F) -> (B, S, N): one sample for each row; the same as `sample`."""
        return self.sample(features, noise=noise, **inputs)

    @torch.no_grad()
    def sample(
        self,
        features: Tensor,
        num_denoise_steps: int | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
    ) -> Tensor:
        """Draw a chunk for each row of `features`.

        Args:
            features: (B, F).
            num_denoise_steps: how many steps the integrator takes.
            noise: (B, S, N) standard normal; with it the result is a function of the arguments. Drawn if left out.
            generator: draws the noise, for results that can be repeated.
            tokens, token_mask: (B, T, D) and (B, T), for a head with cross-attention.

        Returns:
            (B, S, N) in (-cap, cap).
        """
        steps = self.num_denoise_steps if num_denoise_steps is None else _at_least_one(num_denoise_steps)
        x = self.draw_noise(features, generator) if noise is None else noise
        field = self.field(features, tokens, token_mask)
        return cap_output(self.integrate(field, x, steps), self.soft_cap_value)

    def field(self, features: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None) -> Field:
        """The learned field for these observations, as a function of x (B, S, N) and t; the observations are encoded here, once."""
        condition = self.network.condition(features, tokens, token_mask)
        parameters = self.network.time_parameters()

        def at(x: Tensor, t: float) -> Tensor:
            time = self._folded(lambda: self.network.embed_time(features.new_full((1,), t)), parameters, key=t)
            return self.network(x, time, condition)

        return at

    def error(
        self,
        features: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        *,
        noise: Tensor | None = None,
        time: Tensor | None = None,
        generator: torch.Generator | None = None,
        tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
    ) -> Tensor:
        """Squared error of the predicted field, (B, S, N), at one random time for each row.

        Padded steps (mask 0) enter the network as pure noise about zero: whatever the padding holds, nothing depends on it.
        """
        noise = self.draw_noise(features, generator) if noise is None else noise
        time = self.draw_time(features, generator) if time is None else time
        if mask is not None:
            target = target.masked_fill(mask.unsqueeze(-1) == 0, 0.0)
        end = uncap_output(target, self.soft_cap_value)  # (B, S, N)
        x = self.path.point(noise, end, time)
        predicted = self.network(x, self.network.embed_time(time), self.network.condition(features, tokens, token_mask))
        return squared_error(predicted, self.path.field(noise, end, time))

    def compute_loss(self, features: Tensor, target: Tensor, mask: Tensor | None = None, reduction: str = "mean", **inputs: Any) -> Tensor:
        """The mean of `error` over a batch; `inputs` are those of `error`. Padded steps (mask 0) add nothing."""
        return reduce_error(self.error(features, target, mask, **inputs), mask, reduction)

    def draw_noise(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, S, N) standard normal."""
        shape = (len(features), self.num_steps, self.action_dim)
        return torch.randn(shape, generator=generator, device=features.device)

    def draw_time(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B,) training times in [0, 1]."""
        if max(self.noise_beta) == 0.0:
            return torch.rand(len(features), generator=generator, device=features.device)
        seed = int(torch.randint(2**31, (), generator=generator, device=features.device))
        times = np.random.default_rng(seed).beta(*self.noise_beta, size=len(features))
        return torch.as_tensor(times, dtype=torch.float32, device=features.device)


def _at_least_one(num_denoise_steps: int) -> int:
    if num_denoise_steps < 1:
        raise ConfigError(f"num_denoise_steps must be 1 or more, got {num_denoise_steps}")
    return num_denoise_steps
