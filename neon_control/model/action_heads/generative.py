"""GenerativeHead: what flow matching and diffusion share. A path, a network and an integrator make a head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.model.action_heads.base import ActionHead
from neon_control.model.action_heads.checks import check_arguments
from neon_control.model.action_heads.forward_only import read_start
from neon_control.model.action_heads.integrator import Field, Hold, free, times
from neon_control.model.action_heads.losses import squared_error, without_padding
from neon_control.model.action_heads.prefix import Prefix, check_max_prefix, read_prefix
from neon_control.model.action_heads.primitives import Folded, cap_output, uncap_output


class Path(Protocol):
    """See `path.py`."""

    def point(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor: ...

    def field(self, noise: Tensor, action: Tensor, t: Tensor) -> Tensor: ...


class Integrator(Protocol):
    """See `integrator.py`."""

    def __call__(self, field: Field, x: Tensor, num_steps: int, /, hold: Hold = free) -> Tensor: ...


class FieldNetwork(nn.Module):
    """Predicts a path's field. Its work is cut into four, so that sampling repeats only the last one.

    Half of a network's layers read the observation and run once for each chunk; the other half read the noisy chunk and
    run at every denoising step. The times of all steps are known in advance, and so is everything that depends on time only
    (`embed_time`, kept between chunks) or on time and observation (`steer`, once for each chunk).
    """

    def time_parameters(self) -> list[Tensor]:
        """Those that `embed_time` reads."""
        raise TypeError(f"{type(self).__name__} must define time_parameters")

    def embed_time(self, t: Tensor) -> Tensor:
        """What depends on time only, (B,) -> (B, H): folded at inference."""
        raise TypeError(f"{type(self).__name__} must define embed_time")

    def condition(
        self, features: Tensor, tokens: Tensor | None = None, token_mask: Tensor | None = None, prefix: Prefix | None = None
    ) -> Any:
        """What depends on the observation and the committed steps only: computed once for each chunk."""
        raise TypeError(f"{type(self).__name__} must define condition")

    def steer(self, time: Tensor, condition: Any) -> Sequence[Any]:
        """What depends on K times and the observation, but not on x: for each time. Embedded times (B, K, H), or (1, K, H) for all rows."""
        return time.unbind(1)

    def forward(self, x: Tensor, steering: Any, condition: Any) -> Tensor:
        """The field at x (B, S, N), with what `steer` made of its time: (B, S, N)."""
        raise TypeError(f"{type(self).__name__} must define forward")


class GenerativeHead(ActionHead):
    """Draws chunks from p(a | c) by following a learned field from noise to data.

    Loss, with e ~ N(0, I) and a random t:   E || network(x_t, t, c) - field(e, a, t) ||^2,   x_t on the path from e to a.
    Sampling:                                x_0 ~ N(0, I), then the integrator along the network to x_1.

    Actions live in (-cap, cap), noise does not. The path therefore ends at y = cap * atanh(a / cap), and a sample is
    soft_cap(y_1): bounded without bending what was learned. With soft_cap_value 0 the path ends at a itself, and samples
    are clamped to [-1, 1].

    Committed steps (`prefix.py`) stand at the end of their path, whatever the time of the others is. In training x_t holds them as they
    are, the network is told which ones they are, and only the others count; in sampling they are there from the start, and do not move.
    A head that was trained without can be made to start from them all the same (`forward_only.py`).

    Args:
        noise_beta: (alpha, beta): 1 - t ~ Beta(alpha, beta) in training; alpha = 0 means t ~ U(0, 1).
        max_prefix: D; the network's `condition` then takes a prefix.

    Raises:
        ConfigError: a size or a number of steps is not positive, or the cap, alpha or beta is out of range.
    """

    multi_modal = True
    takes_start = True

    def __init__(
        self,
        network: FieldNetwork,
        path: Path,
        integrate: Integrator,
        action_dim: int,
        num_steps: int,
        num_denoise_steps: int,
        soft_cap_value: float,
        noise_beta: tuple[float, float] = (0.0, 1.0),
        max_prefix: int = 0,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        sizes = {"action_dim": action_dim, "num_steps": num_steps, "num_denoise_steps": num_denoise_steps}
        check_arguments(owner, **sizes, soft_cap_value=soft_cap_value)
        alpha, beta = noise_beta
        if not (0.0 <= alpha < math.inf and 0.0 < beta < math.inf):
            raise ConfigError(f"{owner}: noise_beta_alpha must be >= 0 (0: uniform times) and noise_beta_beta > 0, got {alpha} and {beta}")
        self.network = network
        self.path = path
        self.integrate = integrate
        self.action_dim = action_dim
        self.num_steps = num_steps
        self.num_denoise_steps = num_denoise_steps
        self.soft_cap_value = soft_cap_value
        self.noise_beta = noise_beta
        self.max_prefix = check_max_prefix(owner, max_prefix, num_steps)
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
        prefix: Tensor | None = None,
        prefix_length: Tensor | None = None,
        known_length: Tensor | None = None,
    ) -> Tensor:
        """Draw a chunk (B, S, N) in (-cap, cap) for each row of `features` (B, F), in as many steps of the integrator.

        Args:
            noise: (B, S, N) standard normal; with it the result is a function of the arguments. Drawn by `generator` if left out.
            tokens, token_mask: (B, T, D) and (B, T), for a head with cross-attention.
            prefix, prefix_length: the committed steps, (B, S, N) and (B,), for a head with `max_prefix` above 0.
            known_length: (B,) for a head with `max_prefix` 0: it starts from so many rows of the prefix (`forward_only.py`).
        """
        steps = self.num_denoise_steps if num_denoise_steps is None else num_denoise_steps
        check_arguments("sample", num_denoise_steps=steps)
        x = self.draw_noise(features, generator) if noise is None else noise
        self._check_chunk("noise", x, features)
        start = read_start(self, prefix, prefix_length, known_length)
        if start is not None:
            field = self.field(features, times(steps), tokens, token_mask)
            begin = start._replace(clean=uncap_output(start.clean, self.soft_cap_value)).over(x)
            return start.committed(cap_output(self.integrate(field, begin, steps, start.hold), self.soft_cap_value))
        committed = read_prefix(self, prefix, prefix_length)
        if committed is None:
            field = self.field(features, times(steps), tokens, token_mask)
            return cap_output(self.integrate(field, x, steps), self.soft_cap_value)
        ends = committed._replace(clean=uncap_output(committed.clean, self.soft_cap_value))
        field = self.field(features, times(steps), tokens, token_mask, ends)
        end = self.integrate(field, ends.over(x), steps, lambda before, after: torch.where(ends.given, before, after))
        return committed.over(cap_output(end, self.soft_cap_value))

    def field(
        self,
        features: Tensor,
        at_times: Sequence[float],
        tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
        prefix: Prefix | None = None,
    ) -> Field:
        """The learned field for these observations, as a function of x (B, S, N) and one of the given times.

        Everything that does not depend on x is computed here, for all the times together.
        """

        def embedded() -> Tensor:
            # Filled where they are needed: a copy from the host would break the capture of a CUDA graph.
            t = torch.stack([torch.full((), t, device=features.device) for t in at_times])
            return self.network.embed_time(t).unsqueeze(0)  # (1, K, H)

        condition = self._condition(features, tokens, token_mask, prefix)
        time = self._folded(embedded, self.network.time_parameters(), key=tuple(at_times))
        steering = dict(zip(at_times, self.network.steer(time, condition), strict=True))
        return lambda x, t: self.network(x, steering[t], condition)

    def error(  # type: ignore[override]  # what it does not take is refused by name
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
        prefix_length: Tensor | None = None,
    ) -> Tensor:
        """Squared error of the predicted field, (B, S, N), at one random time for each row.

        Padded steps (mask 0) enter the network as pure noise about zero: whatever the padding holds, nothing depends on it.
        """
        self._check_chunk("target", target, features)
        noise = self.draw_noise(features, generator) if noise is None else noise
        self._check_chunk("noise", noise, features)
        time = self.draw_time(features, generator) if time is None else time
        end = uncap_output(without_padding(target, mask), self.soft_cap_value)  # (B, S, N)
        x = self.path.point(noise, end, time).to(noise.dtype)
        prefix = read_prefix(self, None if prefix_length is None else end.to(noise.dtype), prefix_length)
        x = x if prefix is None else prefix.over(x)
        condition = self._condition(features, tokens, token_mask, prefix)
        (steering,) = self.network.steer(self.network.embed_time(time).unsqueeze(1), condition)
        error = squared_error(self.network(x, steering, condition), self.path.field(noise, end, time))
        return error if prefix is None else error.masked_fill(prefix.given, 0.0)

    def _condition(self, features: Tensor, tokens: Tensor | None, token_mask: Tensor | None, prefix: Prefix | None) -> Any:
        given = {} if prefix is None else {"prefix": prefix}  # a network that was not made for one needs not take it
        return self.network.condition(features, tokens, token_mask, **given)

    compute_loss = ActionHead.training_loss  # the specification's name for it

    def draw_noise(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, S, N) standard normal, of the type of the parameters (under autocast, features are of another)."""
        shape = (len(features), self.num_steps, self.action_dim)
        return torch.randn(shape, generator=generator, device=features.device, dtype=next(self.parameters()).dtype)

    def draw_time(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B,) training times in [0, 1]."""
        if self.noise_beta[0] == 0.0:
            return torch.rand(len(features), generator=generator, device=features.device)
        seed = int(torch.randint(2**31, (), generator=generator, device=features.device))
        shares_of_noise = np.random.default_rng(seed).beta(*self.noise_beta, size=len(features))
        return torch.as_tensor(1.0 - shares_of_noise, dtype=torch.float32, device=features.device)

    def _check_chunk(self, name: str, chunk: Tensor, features: Tensor) -> None:
        needed = (features.shape[0], self.num_steps, self.action_dim)  # `len` would fix the batch size of a traced graph
        if chunk.shape != needed:
            raise ConfigError(f"{type(self).__name__}: {name} has shape {tuple(chunk.shape)}, needs {needed}")
