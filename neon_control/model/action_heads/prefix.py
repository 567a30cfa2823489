"""The committed steps of a chunk as an input of a head: what will be commanded anyway while the chunk is computed.

    prefix          (B, S, N)  actions, aligned to the chunk: row i is for its step i; rows from prefix_length on may hold anything
    prefix_length   (B,)       d, whole numbers from 0 to D: how many rows are committed

The first d steps of the answer are the committed ones, and the rest goes on from them. A head learns that in training, where the target's
own first d steps are given and only the rest counts (training-time real-time chunking: Black et al. 2025, arXiv 2512.05964). Without a
prefix, or with d = 0, everything here adds zeros: the head says what it says without it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, Rules, read

CARRY_STEPS = 4.0  # over so many steps a fresh head lets go of what it was wrong about


class Head(Protocol):
    """What is to be known of a head."""

    num_steps: int  # S
    action_dim: int  # N
    max_prefix: int  # D


class Prefix(NamedTuple):
    """Committed steps, ready to be read."""

    clean: Tensor  # (B, S, N) zero where nothing is given
    given: Tensor  # (B, S, 1) bool
    lag: Tensor  # (B, S) i - d, whole numbers: 0 at the first step that is free
    last: Tensor  # (B, S, 1) 1 at the last given step, else 0

    def part(self, columns: slice) -> Prefix:
        """That of some dimensions."""
        return self._replace(clean=self.clean[..., columns])

    def over(self, chunk: Tensor) -> Tensor:
        """The chunk (B, S, N) with the given steps in their places."""
        return torch.where(self.given, self.clean, chunk)

    def at_last(self, chunk: Tensor) -> Tensor:
        """What the chunk (B, S, N) holds at the last given step, (B, 1, N); zeros where nothing is given."""
        return (chunk * self.last).sum(1, keepdim=True)


def check_prefix(head: Head, prefix: Tensor | None, prefix_length: Tensor | None) -> None:
    """Refuse what the head cannot go on from.

    Raises:
        ConfigError: the head takes no prefix, one of the two is missing, or has another shape.
    """
    if prefix is None and prefix_length is None:
        return
    owner, needed = type(head).__name__, (head.num_steps, head.action_dim)
    if not head.max_prefix:
        raise ConfigError(f"{owner} was given a prefix, but takes none: its max_prefix is 0")
    if prefix is None or prefix_length is None or tuple(prefix.shape[1:]) != needed or prefix_length.dim() != 1:
        shapes = [None if values is None else tuple(values.shape) for values in (prefix, prefix_length)]
        raise ConfigError(f"{owner}: prefix and prefix_length have the shapes {shapes}, needed are {('B', *needed)} and (B,)")


def read_prefix(head: Head, prefix: Tensor | None, prefix_length: Tensor | None) -> Prefix | None:
    """The two inputs of a head as one; None where there are none. Raises as `check_prefix`."""
    check_prefix(head, prefix, prefix_length)
    if prefix is None or prefix_length is None:
        return None
    lag = torch.arange(head.num_steps, device=prefix.device) - prefix_length.unsqueeze(1)  # (B, S)
    given = (lag < 0).unsqueeze(-1)
    return Prefix(prefix.masked_fill(~given, 0.0), given, lag, (lag == -1).unsqueeze(-1).to(prefix.dtype))


def prefix_inputs(prefix: Tensor | None, prefix_length: Tensor | None, known_length: Tensor | None = None) -> dict[str, Any]:
    """Those that are there as named arguments of a head: none for a head that need not know them."""
    inputs = {} if prefix is None and prefix_length is None else {"prefix": prefix, "prefix_length": prefix_length}
    return inputs if known_length is None else {**inputs, "known_length": known_length}


def without_given(recorded: Tensor, prefix_length: Tensor) -> Tensor:
    """Of a mask (B, S) of the steps that are recorded, those that count in a loss: they are not given."""
    return recorded * (torch.arange(recorded.shape[1], device=recorded.device) >= prefix_length.unsqueeze(1))


def check_max_prefix(owner: str, max_prefix: int, num_steps: int) -> int:
    """D, which leaves at least one step free.

    Raises:
        ConfigError: the message names the owner and what was given.
    """
    result: int = read(int, max_prefix, Place(field=f"{owner}.max_prefix"), Rules(minimum=0, maximum=max(0, num_steps - 1)))
    return result


class PrefixLayer(nn.Module):
    """The given steps to what they add to a layer's input, (B, S, N) -> (B, H): zero in a fresh head, and wherever nothing is given.

        P [y_0 .. y_{D-1} | g_0 .. g_{D-1} | y_{d-1}]        y: the steps, zero where not given; g: 1 where given

    The last committed step once more, always in the same place: that is where the motion goes on, whatever d is.
    """

    def __init__(self, max_prefix: int, action_dim: int, width: int) -> None:
        super().__init__()
        self.max_prefix = max_prefix
        self.linear = nn.Linear(max_prefix * (action_dim + 1) + action_dim, width, bias=False)  # P
        nn.init.zeros_(self.linear.weight)

    def forward(self, prefix: Prefix) -> Tensor:
        """(B, H)."""
        steps, given = prefix.clean[:, : self.max_prefix], prefix.given[:, : self.max_prefix]
        parts = steps.flatten(1), given.flatten(1).to(steps.dtype), prefix.at_last(prefix.clean).flatten(1)
        result: Tensor = self.linear(torch.cat(parts, dim=-1))
        return result


class Continuation(nn.Module):
    """A regression head's chunk, going on from the committed steps.

        a_{d+k} = f_{d+k} + w_k (y_{d-1} - f_{d-1})        f: what the head says; y: what is committed; w_k: learned, for each dimension

    What the head is wrong about at the last committed step, it is taken to be wrong about k steps later, less and less. So a chunk starts
    where the robot is going, however well the head hits the mean.
    """

    def __init__(self, num_steps: int, action_dim: int) -> None:
        super().__init__()
        steps = torch.arange(1, num_steps + 1).unsqueeze(-1)
        self.carried = nn.Parameter(torch.exp(-steps / CARRY_STEPS).repeat(1, action_dim))  # (S, N): w

    def forward(self, chunk: Tensor, prefix: Prefix) -> Tensor:
        """(B, S, N) -> (B, S, N), the committed steps in their places."""
        error = prefix.at_last(prefix.clean) - prefix.at_last(chunk)  # (B, 1, N), zero where nothing is given
        return prefix.over(chunk + self.carried[prefix.lag.clamp(min=0)] * error)
