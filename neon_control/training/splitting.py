"""Which episodes are trained on, and which judge: whole takes, and those that judged the policy that a run starts from go on to judge.

A policy's file notes which takes it was not trained on. A run that starts from it (`init_from`) holds out the same ones, and a share of the
recordings with takeovers beside them: so on what is old, before and after are compared on what neither has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.training.feature_files import Arrays
from neon_control.training.interventions import DEMONSTRATED, PERSONS

HELD_OUT = "held_out"  # key of the policy's summary
OPTIONAL = ("views", "kind", "weight", "seconds")
KEYS = ("vision", "audio", "joints", "actions", "mask", "episode")


@dataclass(frozen=True)
class Split:
    """Episodes of both sides; slices of the recordings."""

    kept: list[Arrays]
    held_out: list[Arrays]
    old: list[Arrays]  # of those held out, the ones that `init_from` was not trained on either; demonstrations where it does not say
    noted: str = ""  # which takes are held out, for the policy's file


def split_episodes(
    recordings: Sequence[Arrays], share: float, seed: int, takes: Sequence[str] = (), names: Sequence[str] = (), before: str = ""
) -> Split:
    """Episodes to train on, and episodes to validate on; samples of one episode never part, nor do recordings of one take.

    Args:
        recordings: with a key `episode` (n,), the number of the episode within the recording.
        share: of all takes, for validation, where what belongs to none is one by itself; at least one.
        seed: decides which ones.
        takes: of each recording, what it is a part of; "" of none.
        names: of each recording, for those that are of no take.
        before: `noted` of an earlier run's split: its takes are held out, if they are there, and of the others only ones with takeovers.

    Raises:
        ConfigError: there is one episode or one take only.
    """
    together: dict[object, list[tuple[Arrays, int]]] = {}
    identity: dict[object, str] = {}
    for number, recording in enumerate(recordings):
        take = takes[number] if takes else ""
        for index in np.unique(recording["episode"]).tolist():
            key = take or (number, index)
            together.setdefault(key, []).append((recording, index))
            identity.setdefault(key, _short(take or f"{names[number] if names else number} {index}"))
    parts, identities = list(together.values()), list(identity.values())
    if len(parts) < 2:
        what = f"{sum(map(len, parts))} episode in {len(recordings)} recordings" + (" of one take" if any(takes) else "")
        raise ConfigError(f"{what}; training needs two, one of them to validate on")
    known = {i for i, text in enumerate(identities) if text in before.split()}
    order = np.random.default_rng(seed).permutation(len(parts)).tolist()
    if known:
        others = [i for i in order if i not in known and any((r.get("kind", np.zeros(1)) == PERSONS).any() for r, _ in parts[i])]
        out = [*known, *others[: round(share * len(others))]][: len(parts) - 1]
    else:
        out = order[: max(1, round(share * len(parts)))]
    held = set(out)
    old = known & held or {i for i in held if all((r.get("kind", np.zeros(1)) == DEMONSTRATED).all() for r, _ in parts[i])}

    def episodes(chosen: Collection[int]) -> list[Arrays]:
        return [_episode(*e) for i in range(len(parts)) if i in chosen for e in parts[i]]

    kept = set(range(len(parts))) - held
    return Split(episodes(kept), episodes(held), episodes(old), " ".join(sorted(identities[i] for i in held)))


def noted_in(summary: Mapping[str, Any]) -> str:
    """`Split.noted` of the run that made a policy, from its file's summary; empty where it does not say."""
    return str(summary.get(HELD_OUT, ""))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _episode(recording: Arrays, index: int) -> Arrays:
    begin, end = np.searchsorted(recording["episode"], (index, index + 1))  # they rise; a slice, unlike picked rows, is no copy
    return {key: recording[key][begin:end] for key in (*KEYS, *OPTIONAL) if key in recording}
