"""Many corrected trials as a folder of recordings, made by several processes, and taken up where it was cut off."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neon_control.core.common.worker_pool import in_processes
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.robot_file import load_robot
from neon_control.demo.corrections import CorrectedTrials
from neon_control.recordings.bag.bag_file import METADATA, OUTCOME_KEY, TAKEOVERS_KEY
from neon_control.recordings.episode import SUCCESS
from neon_control.runtime.policy.policy import Policy

# Of a worker process.
_plan: tuple[Path, Mapping[str, Any]]  # the data set's folder and description
_trials: CorrectedTrials | None = None


@dataclass(frozen=True)
class Recorded:
    """One trial, as its bag tells."""

    index: int
    outcome: str
    reasons: tuple[str, ...]  # of its takeovers


def folder_of(out: Path, index: int) -> Path:
    """Where the recording of episode `index` is."""
    return out / f"episode_{index:05d}"


def read_back(out: Path, index: int) -> Recorded | None:
    """What the bag of an episode says; None where there is no whole one."""
    file = folder_of(out, index) / METADATA
    if not file.exists():
        return None
    noted = read_mapping(file)["rosbag2_bagfile_information"].get("custom_data") or {}
    return Recorded(index, str(noted.get(OUTCOME_KEY, "")), tuple(str(noted.get(TAKEOVERS_KEY, "")).split()))


def record_corrections(out: Path, description: Mapping[str, Any], episodes: int, most: int | None, workers: int) -> Iterator[Recorded]:
    """Episodes 0, 1, .. in their order, until there are `episodes`, or `most` takeovers in them; what is there already is kept.

    What other processes have begun beyond the last one of these is removed again.

    Args:
        description: policy, robot, seed, image_size and task, as `collect` writes them.
    """
    there = {i: found for i in range(episodes) if (found := read_back(out, i)) is not None}
    taken, next_one = 0, 0
    missing = [i for i in range(episodes) if i not in there]
    made = in_processes(_record, missing, workers, _start_worker, (out, description))
    try:
        while next_one < episodes and (most is None or taken < most):
            if next_one not in there:
                found = next(made)
                there[found.index] = found
                continue
            yield there[next_one]
            taken += len(there[next_one].reasons)
            next_one += 1
    finally:
        made.close()
    for folder in out.glob("episode_*"):
        if int(folder.name.removeprefix("episode_")) >= next_one:
            shutil.rmtree(folder)


def in_words(trials: list[Recorded]) -> str:
    """How they went, on one line."""
    reasons = Counter(reason for trial in trials for reason in trial.reasons)
    alone = sum(trial.outcome == SUCCESS and not trial.reasons for trial in trials)
    helped = sum(trial.outcome == SUCCESS and bool(trial.reasons) for trial in trials)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{len(trials)} episodes: {alone} succeeded alone, {helped} with help; {reasons.total()} takeovers" + (
        f" ({why})" if why else ""
    )


def _start_worker(out: Path, description: Mapping[str, Any]) -> None:
    global _plan
    _plan = out, description


def _record(index: int) -> Recorded:
    """Record one episode; the first one of a process builds the world and loads the policy."""
    global _trials
    out, description = _plan
    if _trials is None:
        robot = load_robot(description["robot"])
        width, height = description["image_size"]
        _trials = CorrectedTrials(Policy.load(description["policy"], robot), robot, (width, height))
    folder = folder_of(out, index)
    shutil.rmtree(folder, ignore_errors=True)  # a bag that was cut off has no metadata.yaml
    take = f"{Path(description['robot']).stem}, {description['task']}, corrections of {description['policy']}, seed {description['seed']}"
    trial = _trials.record(folder, description["seed"], index, f"{take}, episode {index}", description["task"])
    return Recorded(index, trial.marked, tuple(trial.takeovers.elements()))
