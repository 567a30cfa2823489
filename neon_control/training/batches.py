"""Samples as tensors: normalised, split into episodes to train on and episodes to validate on, dealt out in batches."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.action_space import ActionSpace
from neon_control.training.feature_files import Arrays

SPILL = 512 << 20  # [bytes] of one array, of which more is kept on disk; every batch reads some 8 MB of it
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


def split_episodes(recordings: Sequence[Arrays], share: float, seed: int) -> tuple[list[Arrays], list[Arrays]]:
    """Episodes to train on, and episodes to validate on; samples of one episode never part.

    Args:
        recordings: with a key `episode` (n,), the number of the episode within the recording.
        share: of all episodes, for validation; at least one episode.
        seed: decides which ones.

    Raises:
        ConfigError: there is one episode only.
    """
    episodes = [(recording, index) for recording in recordings for index in np.unique(recording["episode"])]
    if len(episodes) < 2:
        raise ConfigError(f"{len(episodes)} episode in {len(recordings)} recordings; training needs two, one of them to validate on")
    order = np.random.default_rng(seed).permutation(len(episodes)).tolist()
    count = max(1, round(share * len(episodes)))
    held_out, kept = sorted(order[:count]), sorted(order[count:])
    return [_episode(*episodes[i]) for i in kept], [_episode(*episodes[i]) for i in held_out]


def to_batch(recordings: Sequence[Arrays], space: ActionSpace, spill: Path | None = None) -> Batch:
    """Join recordings and normalise joints and actions.

    Args:
        spill: folder on a disk for what is larger than `SPILL`: it is mapped from there, and gives its memory back when others need it.

    Raises:
        ConfigError: a value is not finite, or the disk is full.
    """
    joined = {key: _joined(recordings, key, spill) for key in KEYS}
    # A command may lie a little outside the range that a policy can express; it is taught the nearest that it can.
    actions = np.clip(space.normalise(joined["actions"]), -1.0, 1.0)
    arrays = (joined["vision"], joined["audio"], space.normalise_joints(joined["joints"]), actions, joined["mask"])
    return Batch(*(torch.as_tensor(a, dtype=torch.float32) for a in arrays))


def to_views(recordings: Sequence[Arrays]) -> Tensor | None:
    """(n, K, F) the features of the samples' augmented images; None where there are none.

    Raises:
        ConfigError: a value is not finite.
    """
    return torch.as_tensor(_joined(recordings, "views")) if all("views" in r for r in recordings) else None


def _joined(recordings: Sequence[Arrays], key: str, spill: Path | None = None) -> np.ndarray:
    """All rows; on disk, in a file without a name that goes when it is let go of, where they are many."""
    parts = [r[key] for r in recordings]
    if where := [i for i, part in enumerate(parts) if not np.isfinite(part).all()]:  # one at a time: no mask of all of them
        raise ConfigError(f"'{key}' of the prepared samples holds NaN or infinity, in episodes {where[:10]} of {len(recordings)}")
    size = sum(part.nbytes for part in parts)
    if spill is None or size <= SPILL:
        return np.concatenate(parts)
    try:
        with tempfile.TemporaryFile(dir=spill) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk is said here, not by a signal
            rows = np.memmap(file, parts[0].dtype, "r+", shape=(sum(map(len, parts)), *parts[0].shape[1:]))
    except OSError as error:
        raise ConfigError(f"{size / 1e9:.1f} GB of features do not fit on the disk of {spill}: {error.strerror}") from error
    return np.concatenate(parts, out=rows)


def with_views(vision: Tensor, views: Tensor, choice: Tensor) -> Tensor:
    """(n, F) of each sample its image's features, where `choice` (n,) is 0, or those of its variant number `choice`.

    Args:
        vision, views: (n, F) and (n, K, F).
    """
    chosen = views[torch.arange(len(views)), (choice - 1).clamp(min=0)]
    return torch.where(choice[:, None] > 0, chosen, vision)


def batch_indices(count: int, size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[Tensor]:
    """The batches of an epoch after the first `skip`, each the numbers of its samples; a function of seed and epoch."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch))
    yield from order.split(size)[skip:]


def _episode(recording: Arrays, index: int) -> Arrays:
    begin, end = np.searchsorted(recording["episode"], (index, index + 1))  # they rise; a slice, unlike picked rows, is no copy
    return {key: recording[key][begin:end] for key in (*KEYS, "views") if key in recording}
