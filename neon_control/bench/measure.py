"""Durations measured in turns, and errors of actions: what `bench` and `export` share."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from tqdm import tqdm

from neon_control.core.robot.action_space import ActionSpace
from neon_control.model.policy import ActionPolicy

Call = Callable[[], object]
BLOCKS = 4  # how often a measurement changes the number of threads and comes back


@dataclass(frozen=True)
class Latency:
    """[ms] percentiles of one thing's durations."""

    p50: float
    p99: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Latency:
        """From durations [ms]."""
        return cls(*(float(p) for p in np.percentile(durations, (50, 99))))

    def __str__(self) -> str:
        return f"{self.p50:.3f} / {self.p99:.3f}"


Key = TypeVar("Key")


def in_turns(calls: Mapping[Key, Call], rounds: Iterable[object], before: Call | None = None) -> dict[Key, list[float]]:
    """Durations [ms] of each call, one of each in every round: whatever else the machine does then slows all of them alike.

    The first round is a warm-up and not counted. Every call finds the caches as the others have left them, which for large
    weights means cold, as on a robot that infers ten times a second.
    """
    durations: dict[Key, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in rounds:
        for name, call in calls.items():
            if before is not None:
                before()
            start = time.perf_counter()
            call()
            durations[name].append(1e3 * (time.perf_counter() - start))
    return durations


def measure_in_blocks(
    calls: Callable[[int], dict[Key, Call]], threads: Sequence[int], rounds: int, text: str
) -> dict[tuple[int, Key], Latency]:
    """Durations of every call at every number of threads; the numbers of threads take turns too, in blocks of rounds."""
    durations: defaultdict[tuple[int, Key], list[float]] = defaultdict(list)
    size = rounds // BLOCKS
    with tqdm(range(BLOCKS * len(threads) * size), text, unit="round", leave=False, disable=None) as progress:
        ticks = iter(progress)
        for _ in range(BLOCKS):
            for count in threads:
                torch.set_num_threads(count)
                for name, taken in in_turns(calls(count), islice(ticks, size)).items():
                    durations[count, name] += taken
    return {key: Latency.of(taken) for key, taken in durations.items()}


def policy_inputs(module: ActionPolicy, noise: np.ndarray | None, samples: int, seed: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Random inputs as a policy meets them, each with a batch of 1: features spread like the training data's, any joint positions."""
    rng = np.random.default_rng(seed)
    statistics = {name: [getattr(module, f"{name}_{part}").numpy() for part in ("mean", "std")] for name in ("vision", "audio")}
    for _ in range(samples):
        features = {name: rng.normal(mean, std)[None].astype(np.float32) for name, (mean, std) in statistics.items()}
        positions = rng.uniform(-1.0, 1.0, (1, module.config.num_joints)).astype(np.float32)
        inputs = {**features, "proprioception": positions, **({} if noise is None else {"noise": noise})}
        if module.config.num_tokens:
            inputs["tokens"] = rng.standard_normal((1, module.config.num_tokens, module.config.token_dim), np.float32)
            inputs["token_mask"] = (np.arange(module.config.num_tokens) <= rng.integers(module.config.num_tokens))[None].astype(np.float32)
        if module.max_prefix or module.forward_only:
            inputs["prefix"] = rng.uniform(-1.0, 1.0, (1, module.config.head.num_action_steps, module.config.action_dim)).astype(np.float32)
            inputs["prefix_length"] = rng.integers((module.max_prefix or module.config.head.num_action_steps - 1) + 1, size=1)
        if module.forward_only:
            inputs["known_length"] = rng.integers(inputs["prefix_length"], module.config.head.num_action_steps + 1, size=1)
        yield inputs


@dataclass(frozen=True)
class ActionError:
    """How far actions are from those that they should be."""

    joints_max: float  # [rad]
    joints_mean: float  # [rad]
    base_max: float  # [m/s], [rad/s]; 0 without a base

    @classmethod
    def between(cls, actions: np.ndarray, expected: np.ndarray, space: ActionSpace) -> ActionError:
        """Of normalised actions (.., N)."""
        error = np.abs(actions.astype(np.float64) - expected) * 0.5 * (space.upper - space.lower)
        joints, base = error[..., : space.num_joints], error[..., space.num_joints :]
        return cls(float(joints.max()), float(joints.mean()), float(base.max(initial=0.0)))


def torch_actions(module: ActionPolicy, inputs: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
    """What torch computes for inputs of `policy_inputs`, (samples, H, N)."""
    joined = {name: torch.from_numpy(np.concatenate([i[name] for i in inputs])) for name in inputs[0]}
    with torch.no_grad():
        result: np.ndarray = module(**joined).numpy()
        return result
