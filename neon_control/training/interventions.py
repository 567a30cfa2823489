"""What counts how much in training where a policy drove and a person took over: each sample's weight, and seconds of each kind.

| whose action a sample is                                       | weight                                            |
|----------------------------------------------------------------|---------------------------------------------------|
| a demonstration's: the recording does not say who led          | 1                                                 |
| the person's, after he took over                               | `person_weight`                                   |
| the policy's own, in a recording that is marked as a success   | `own_successes`                                   |
| the same, less than `before_takeover` seconds before a takeover | `own_successes` x `before_takeover_weight`        |
| the policy's own in any other recording, nobody's              | 0                                                 |

A recording that is marked as discarded counts for nothing, and with `outcome: successes` neither does one that is marked as a failure, nor
one in which a policy drove and which is not marked at all. A weight is how often a sample is drawn: the loss of a sample stays what it is.
`sampling` then sets how large a share of the draws is the person's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.nanoseconds import NANOSECONDS
from neon_control.recordings.episode import DISCARDED, FAILURE, SUCCESS
from neon_control.recordings.leaders import LED_BY_PERSON, LED_BY_POLICY, SHOWN
from neon_control.training.config import TrainConfig, share_of
from neon_control.training.feature_files import Arrays

KINDS = ("demonstration", "person", "policy", "before a takeover", "nobody")
DEMONSTRATED, PERSONS, POLICYS, BEFORE, NOBODYS = range(len(KINDS))
GAP = 0.5  # [s] between two images, of which no more counts as recorded time


@dataclass(frozen=True)
class Seconds:
    """Of one kind of samples."""

    recorded: float  # [s]
    used: float  # [s] those that are trained on, or validated
    share: float  # of the draws in training


def kinds_of(arrays: Arrays, config: TrainConfig) -> np.ndarray:
    """(n,) which of `KINDS` each sample of a recording is."""
    if "leader" not in arrays:
        return np.full(len(arrays["mask"]), DEMONSTRATED)
    leader, before = arrays["leader"], arrays["before_takeover"] < config.before_takeover
    of_policy = leader == LED_BY_POLICY
    cases = [leader == SHOWN, leader == LED_BY_PERSON, of_policy & ~before, of_policy]
    return np.select(cases, [DEMONSTRATED, PERSONS, POLICYS, BEFORE], NOBODYS)


def weights_of(arrays: Arrays, outcome: str, config: TrainConfig) -> np.ndarray:
    """(n,) float32: how often each sample of a recording that ended with `outcome` is drawn, against one of a demonstration."""
    own = config.own_successes if outcome == SUCCESS else 0.0
    marked = np.array([1.0, config.person_weight, own, own * config.before_takeover_weight, 0.0], np.float32)
    if outcome == DISCARDED or (config.outcome == "successes" and outcome == FAILURE):
        marked[:] = 0.0
    elif config.outcome == "successes" and outcome != SUCCESS:
        marked[1:] = 0.0
    weights: np.ndarray = marked[kinds_of(arrays, config)]
    return weights


def marked(recordings: Sequence[Arrays], outcomes: Sequence[str], config: TrainConfig) -> list[Arrays]:
    """The same recordings with `kind` (n,) and `weight` (n,) of their samples, and with `seconds` (n,) that each stands for.

    Raises:
        ConfigError: no sample has a weight.
    """
    found = []
    for arrays, outcome in zip(recordings, outcomes or [""] * len(recordings), strict=True):
        more = {"kind": kinds_of(arrays, config), "weight": weights_of(arrays, outcome, config), "seconds": _seconds(arrays)}
        found.append({**arrays, **more})
    if not any(arrays["weight"].any() for arrays in found):
        raise ConfigError(
            f"none of the {len(recordings)} recordings holds anything to learn from: no demonstration, nothing that a person did, and "
            "a policy's own successes count only with own_successes above 0"
        )
    return found


def counting(episodes: Sequence[Arrays]) -> list[Arrays]:
    """Those parts of some episodes whose samples have a weight; slices, which are no copies."""
    return [part for episode in episodes for part in _parts(episode)]


def draws(parts: Sequence[Arrays], sampling: str) -> np.ndarray | None:
    """(n,) how often each sample of `parts` is drawn against the others; None where all are drawn alike.

    Args:
        sampling: `interventions:0.5` gives what a person did that share of all draws; empty: as the weights say.

    Raises:
        ConfigError: nobody took over, or nothing else is there.
    """
    weights = np.concatenate([part["weight"] for part in parts]).astype(np.float64)
    if sampling:
        share, person = share_of(sampling), np.concatenate([part["kind"] for part in parts]) == PERSONS
        sums = weights[person].sum(), weights[~person].sum()
        if not (sums[0] > 0.0 and sums[1] > 0.0):
            lacking = "nobody took over in them" if not sums[0] > 0.0 else "there is nothing else in them"
            raise ConfigError(f"TrainConfig.sampling is {sampling!r}, but of the episodes to train on {lacking}")
        weights[person] *= share / (1.0 - share) * sums[1] / sums[0]
    return None if np.ptp(weights) == 0.0 else weights


def seconds_of(recordings: Sequence[Arrays], trained: Sequence[Arrays], drawn: np.ndarray | None) -> dict[str, Seconds]:
    """Kind -> seconds in all `recordings`, those that count, and the share of the draws in training; of kinds that are there."""
    kinds, seconds, weights = (np.concatenate([r[key] for r in recordings]) for key in ("kind", "seconds", "weight"))
    chosen = np.concatenate([part["kind"] for part in trained])
    often = np.ones(len(chosen)) if drawn is None else drawn
    return {
        name: Seconds(
            float(seconds[kinds == kind].sum()),
            float(seconds[(kinds == kind) & (weights > 0.0)].sum()),
            float(often[chosen == kind].sum() / often.sum()),
        )
        for kind, name in enumerate(KINDS)
        if (kinds == kind).any()
    }


def _seconds(arrays: Arrays) -> np.ndarray:
    """(n,) [s] from each image to the next one of its episode, which the last one is taken to be away as the one before."""
    if "stamps" not in arrays:
        return np.zeros(len(arrays["mask"]))
    steps = np.diff(arrays["stamps"]) / NANOSECONDS
    steps[np.diff(arrays["episode"]) != 0] = 0.0
    seconds: np.ndarray = np.clip(np.append(steps, steps[-1:] if len(steps) else 0.0), 0.0, GAP)
    return seconds


def _parts(episode: Arrays) -> Iterator[Arrays]:
    counts = episode["weight"] > 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], counts, [False]]).astype(int)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield {key: values[begin:end] for key, values in episode.items()}
