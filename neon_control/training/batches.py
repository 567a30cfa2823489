"""Samples as tensors: normalised, and dealt out in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.training.feature_files import Arrays
from neon_control.training.spill import SPILL, Spill, let_go

LOOKED_AT = 1024  # rows at a time of what is not in memory
KEYS = ("vision", "audio", "joints", "actions", "mask")


@dataclass(frozen=True)
class Batch:
    """n samples as tensors, actions and joints normalised."""

    vision: Tensor  # (n, F)
    audio: Tensor  # (n, 384)
    joints: Tensor  # (n, J)
    actions: Tensor  # (n, H, N)
    mask: Tensor  # (n, H)

    def __len__(self) -> int:
        return len(self.vision)

    def pick(self, index: Tensor) -> Batch:
        """The samples at `index`."""
        return Batch(**{name: values[index] for name, values in vars(self).items()})

    def to(self, device: torch.device) -> Batch:
        """The same samples elsewhere."""
        return Batch(**{name: values.to(device) for name, values in vars(self).items()})

    def fingerprint(self) -> str:
        """A hash of joints, actions and masks: whether two runs saw the same demonstrations."""
        digest = hashlib.sha256()
        for values in (self.joints, self.actions, self.mask):
            digest.update(values.contiguous().numpy().data)
        return digest.hexdigest()[:16]


def to_batch(recordings: Sequence[Arrays], space: ActionSpace, spill: Spill | None = None) -> Batch:
    """Join recordings and normalise joints and actions.

    Args:
        spill: takes what is too large for memory.

    Raises:
        ConfigError: a value is not finite, or the disk is full.
    """
    # A command may lie a little outside the range that a policy can express; it is taught the nearest that it can.
    meant = {"joints": space.normalise_joints, "actions": lambda values: np.clip(space.normalise(values), -1.0, 1.0)}
    return Batch(**{key: _joined(recordings, key, spill or Spill(), meant.get(key, np.asarray)) for key in KEYS})


def to_views(recordings: Sequence[Arrays], spill: Spill | None = None) -> Tensor | None:
    """(n, K, F) the features of the samples' augmented images; None where there are none.

    Raises:
        ConfigError: as of `to_batch`.
    """
    return _joined(recordings, "views", spill or Spill(), np.asarray) if all("views" in r for r in recordings) else None


def _joined(recordings: Sequence[Arrays], key: str, spill: Spill, meant: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """All rows, as they are meant; those of one recording at a time are in memory where there are many."""
    parts = [r[key] for r in recordings]
    rows = spill.room((sum(map(len, parts)), *parts[0].shape[1:]))
    begin, bad = 0, []
    for number, part in enumerate(parts):
        if not np.isfinite(part).all():
            bad.append(number)
        else:
            rows[begin : begin + len(part)] = meant(part)
        begin += len(part)
        let_go(part)
        spill.let_go()
    if bad:
        raise ConfigError(f"'{key}' of the prepared samples holds NaN or infinity, in episodes {bad[:10]} of {len(recordings)}")
    return torch.as_tensor(rows)


def mean_and_deviation(rows: Tensor, spill: Spill) -> tuple[Tensor, Tensor]:
    """(F,) of each column, of rows (n, F) which may be more than memory holds."""
    if rows.nbytes <= SPILL:
        return rows.mean(0), rows.std(0)
    mean = square = torch.zeros(rows.shape[1], dtype=torch.float64)
    for part in rows.split(LOOKED_AT):
        mean = mean + part.sum(0, dtype=torch.float64) / len(rows)
        spill.let_go()
    for part in rows.split(LOOKED_AT):
        square = square + ((part - mean) ** 2).sum(0)
        spill.let_go()
    return mean.float(), (square / (len(rows) - 1)).sqrt().float()


def with_views(vision: Tensor, views: Tensor, choice: Tensor) -> Tensor:
    """(n, F) of each sample its image's features, where `choice` (n,) is 0, or those of its variant number `choice`.

    Args:
        vision, views: (n, F) and (n, K, F).
    """
    chosen = views[torch.arange(len(views)), (choice - 1).clamp(min=0)]
    return torch.where(choice[:, None] > 0, chosen, vision)


def batch_indices(count: int, size: int, seed: int, epoch: int, skip: int = 0, often: Tensor | None = None) -> Iterator[Tensor]:
    """The batches of an epoch after the first `skip`, each the numbers of its samples; a function of seed and epoch.

    Args:
        often: (count,) how often each sample is drawn against the others, as many times as that comes to, rounded up or down at random;
            None: each once.
    """
    generator = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(count, generator=generator)
    if often is not None:
        ends = often.double().cumsum(0)
        drawn = (torch.arange(count) + torch.rand(1, generator=generator).double()) / count * ends[-1]
        order = torch.searchsorted(ends, drawn, right=True).clamp(max=count - 1)[order]
    yield from order.split(size)[skip:]
