"""Committed steps for a head that draws and was trained without any: it starts from them (forward-only, as GR00T N1.7 does).

    prefix          (B, S, N)  actions, aligned to the chunk; rows from known_length on may hold anything
    prefix_length   (B,)       d: the first d rows are committed
    known_length    (B,)       m, from d to S: the rows after them are under way as well, but the chunk can still change them

Sampling starts from the rows that are known, in place of their noise, and each step i moves by a share of what the integrator says:

    w_i = 0                        i < d
        = 1 - exp(-6 u_i)     d <= i < m,   u_i = (i - d + 1) / (m - d + 1)
        = 1                   m <= i

So what is committed stays, and what is under way is let go of, the later the sooner. The network was never taught to go on from it: that
costs nothing in training, and is a baseline for what does (`prefix.py`). Where d = 0, the rows count for nothing: the head says what it
says without them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from neon_control.core.common.errors import ConfigError

RAMP = 6.0


class Head(Protocol):
    """What is to be known of a head."""

    num_steps: int  # S
    action_dim: int  # N
    max_prefix: int  # D
    takes_start: bool


class Start(NamedTuple):
    """What is under way, ready to be started from."""

    clean: Tensor  # (B, S, N) zero where nothing is known
    given: Tensor  # (B, S, 1) bool: committed
    known: Tensor  # (B, S, 1) bool: committed or under way
    share: Tensor  # (B, S, 1) w, where known

    def over(self, noise: Tensor) -> Tensor:
        """Noise (B, S, N) with what is known in its place."""
        return torch.where(self.known, self.clean, noise)

    def hold(self, before: Tensor, after: Tensor) -> Tensor:
        """Where a step of the integrator ends, (B, S, N)."""
        return torch.where(self.known, before + self.share * (after - before), after)

    def committed(self, chunk: Tensor) -> Tensor:
        """The chunk (B, S, N) with the committed steps as they were given."""
        return torch.where(self.given, self.clean, chunk)


def check_start(head: Head, prefix: Tensor | None, prefix_length: Tensor | None, known_length: Tensor) -> None:
    """Refuse what the head cannot start from.

    Raises:
        ConfigError: it does not draw, was taught to take a prefix, or an input is missing or has another shape.
    """
    owner, needed = type(head).__name__, (head.num_steps, head.action_dim)
    if not head.takes_start or head.max_prefix:
        why = f"was trained with committed steps, max_prefix {head.max_prefix}" if head.max_prefix else "does not draw from noise alone"
        raise ConfigError(f"{owner} was given known_length, but {why}")
    given = (prefix, prefix_length, known_length)
    if prefix is None or prefix_length is None or tuple(prefix.shape[1:]) != needed or prefix_length.dim() != 1 or known_length.dim() != 1:
        shapes = [None if values is None else tuple(values.shape) for values in given]
        needs = f"{('B', *needed)}, (B,) and (B,)"
        raise ConfigError(f"{owner}: prefix, prefix_length and known_length have the shapes {shapes}, needed are {needs}")


def read_start(head: Head, prefix: Tensor | None, prefix_length: Tensor | None, known_length: Tensor | None) -> Start | None:
    """The three inputs of a head as one; None without `known_length`. Raises as `check_start`."""
    if known_length is None:
        return None
    check_start(head, prefix, prefix_length, known_length)
    assert prefix is not None and prefix_length is not None  # as checked
    steps = torch.arange(head.num_steps, device=prefix.device)
    first, end = prefix_length.unsqueeze(1), known_length.unsqueeze(1)  # (B, 1)
    given = steps < first  # (B, S)
    known = (given | (steps < end)) & (first > 0)
    left = (steps - first + 1).clamp(min=0) / (end - first + 1).clamp(min=1)
    share = (1.0 - torch.exp(-RAMP * left)).to(prefix.dtype).masked_fill(given, 0.0)
    known = known.unsqueeze(-1)
    return Start(prefix.masked_fill(~known, 0.0), given.unsqueeze(-1), known, share.unsqueeze(-1))
