"""Episodes in a row, counted: the demo without a window."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from neon_control.demo.link import Commands, DemoLink, ImageCount
from neon_control.monitor.link import EXECUTOR, INFERENCE, LinkError
from neon_control.sim.episode import FINISHED, LIMITS, WORDS, Outcome, in_words

SLACK = 30.0  # [s] beyond the longest trial's length (the silence before it, a busy computer), before it counts as lost
COUNTER_LIMIT = 3.0  # [s] diagnostics come once a second
STOPPED = 0.1  # [s] without a command


@dataclass(frozen=True)
class Trial:
    """The result of one episode."""

    target: str
    outcome: str
    elapsed: float  # [s] from the command to the end of the trial
    time_to_reach: float | None  # [s]
    commands: Commands


def run_trials(link: DemoLink, episodes: int, seed: int, check: Callable[[], None]) -> dict[str, Any]:
    """Run episodes 0 .. N-1 of the series `seed` and return the report; `check` raises when a process died.

    Raises:
        LinkError: a node does not answer, or an episode does not end.
    """
    link.set_parameter("seed", seed)
    first = _image_count(link, check)
    trials: list[Trial] = []
    with tqdm(total=episodes, unit="episode", file=sys.stderr, disable=None) as bar:
        for index in range(episodes):
            trials.append(_run_one(link, index, seed, check, bar))
            bar.update()
            task, trial = link.truth["task"], trials[-1]
            bar.set_postfix_str(f"{_successes(trials)}/{len(trials)} {WORDS[task][1]}")
            seconds = trial.elapsed if trial.time_to_reach is None else trial.time_to_reach
            bar.write(f"episode {index}: {trial.target}: {in_words(Outcome(trial.outcome), task)} after {seconds:.1f} s", file=sys.stderr)
    return report(trials, link.number, first, _image_count(link, check))


def _run_one(link: DemoLink, index: int, seed: int, check: Callable[[], None], bar: tqdm[Any]) -> Trial:
    link.reset()
    link.forget_commands()

    def finished() -> bool:
        truth = link.truth
        return (truth["seed"], truth["index"]) == (seed, index) and truth["outcome"] in FINISHED

    limit = max(LIMITS.values()) + SLACK
    if not link.wait(finished, limit, check, bar.refresh):
        raise LinkError(f"episode {index} did not end within {limit:.0f} s; the simulation says {link.truth}")
    truth = link.truth
    return Trial(truth["target"], truth["outcome"], truth["elapsed"], truth["time_to_reach"], link.commands())


def _image_count(link: DemoLink, check: Callable[[], None]) -> ImageCount:
    """Both counters as of the next diagnostics of the inference node."""
    known = len(link.image_counts)
    if not link.wait(lambda: len(link.image_counts) > known, COUNTER_LIMIT, check):
        raise LinkError(f"{INFERENCE} sent no diagnostics for {COUNTER_LIMIT:.0f} s")
    return link.image_counts[-1]


def report(trials: Sequence[Trial], number: Callable[[str, str], float | None], first: ImageCount, last: ImageCount) -> dict[str, Any]:
    """The figures that `--json` writes; null where not measured. `number` asks a node's diagnostics for a key; images first and last."""

    def percentiles(node: str, name: str) -> dict[str, float | None]:
        return {p: number(node, f"{name}/{p}") for p in ("p50", "p99")}

    times = [t.time_to_reach for t in trials if t.time_to_reach is not None]
    successes = _successes(trials)
    return {
        "episodes": len(trials),
        "successes": successes,
        "success_rate": round(successes / len(trials), 4) if trials else None,
        "mean_time_to_reach_s": round(sum(times) / len(times), 3) if times else None,
        "inference_ms": percentiles(INFERENCE, "inference_ms"),
        "observation_to_command_ms": percentiles(EXECUTOR, "observation_to_command_ms"),
        "control_rate_hz": control_rate([t.commands.sent for t in trials]),
        "mean_absolute_jerk": mean_absolute_jerk([t.commands for t in trials]),
        "images_sent": last.sent - first.sent,
        "images_received": last.received - first.received,
    }


def _successes(trials: Sequence[Trial]) -> int:
    return sum(trial.outcome == Outcome.SUCCESS for trial in trials)


def control_rate(series: Sequence[Sequence[int]]) -> float | None:
    """Commands per second while there are any, from the times [ns] of each series; None without two commands in a row.

    A pause of more than `STOPPED` is a stop, in which controllers are told nothing, as before each trial: it counts as no time at all.
    """
    intervals = np.concatenate([np.diff(times) for times in series]) * 1e-9 if series else np.zeros(0)
    commanding = intervals[intervals < STOPPED]
    return round(len(commanding) / float(commanding.sum()), 2) if commanding.size else None


def mean_absolute_jerk(series: Sequence[Commands]) -> float | None:
    """[rad/s^3] How rough the commands are: mean size of their third difference, over joints and time; None for fewer than four commands.

    The control period is that of most commands of a trial: the jitter of single ones is the computer's, not the command's. Where a
    controller is brought onto the motion, and where the robot was stopped, intervals differ by more: nothing is measured across those.
    """
    differences = []
    for commands in series:
        intervals = np.diff(commands.times)
        if len(intervals) > 2:
            period = float(np.median(intervals))  # [ns]
            even = np.abs(intervals - period) < 0.5 * period
            within = even[:-2] & even[1:-1] & even[2:]
            differences.append(np.abs(np.diff(commands.positions, n=3, axis=0)[within]).ravel() / (1e-9 * period) ** 3)
    return round(float(np.mean(np.concatenate(differences))), 2) if any(d.size for d in differences) else None
