"""Spreading a job over processes of this computer, or over a Ray cluster; the files that come out are the same."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from neon_control.core.common.errors import ConfigError, NeonControlError
from neon_control.core.common.thread_pools import SETTINGS
from neon_control.core.common.worker_pool import in_processes
from neon_control.recordings.finding import Recording
from neon_control.training.feature_job import Files, Job
from neon_control.training.feature_worker import Outcome, Worker

Task = tuple[int, Recording, Files]

# Of a worker process. It is given all tasks when it starts, and then only numbers: recordings may share a large description.
_worker: Worker
_tasks: Sequence[Task]


def over_processes(job: Job, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Outcomes in the order in which they are ready.

    Raises:
        NeonControlError: what a worker raised; or a worker was killed, for example for want of memory.
    """
    return in_processes(_run, range(len(tasks)), job.cores if job.small else 1, _start, (job, tasks))


def over_ray(job: Job, tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """The same over a Ray cluster, whose computers must see the recordings and the cache under the same paths.

    By default it has as many workers as the cluster has CPUs; for a Hugging Face backbone as many as it has GPUs, at least one.

    Args:
        address: of the cluster; empty: RAY_ADDRESS, a cluster that runs on this computer, or a new one on it.

    Raises:
        ConfigError: Ray is not installed, or the cluster does not answer.
        NeonControlError: what a worker raised.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send statistics to its makers
    settings = {name: os.environ.get(name, value) for name, value in SETTINGS.items()}
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError("--ray needs the library Ray: install this package with the extra `ray`") from error
    try:
        ray.init(address or None, runtime_env={"env_vars": settings}, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(f"no Ray cluster at '{address}': {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    resources = ray.cluster_resources()
    gpus = 0 if job.small else int(resources.get("GPU", 0))
    workers = job.workers or max(1, int(resources.get("CPU", 1)) if job.small else gpus)
    # small blocks, so that no computer is left with a long one when the others are done
    rows = ray.data.from_items([{"task": number} for number in range(len(tasks))], override_num_blocks=min(len(tasks), 16 * workers)).map(
        _RayWorker,
        fn_constructor_args=(job, tasks),
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(tasks))),
        num_cpus=1,
        num_gpus=1 if gpus else 0,
    )
    try:
        for row in rows.iter_rows():
            outcome = Outcome(**json.loads(row["outcome"]))
            if outcome.error:
                raise NeonControlError(outcome.error)
            yield outcome
    finally:
        ray.shutdown()


class _RayWorker:
    """One process of a cluster; rows in and out are what Arrow can hold."""

    def __init__(self, job: Job, tasks: Sequence[Task]) -> None:
        self._worker, self._tasks = Worker(job), tasks

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        task = self._tasks[row["task"]]
        try:
            outcome = self._worker.run(*task)
        except NeonControlError as error:  # raised here, it would arrive as one of Ray's, with a page of its own frames
            outcome = Outcome(task[0], error=str(error))
        return {"outcome": json.dumps(asdict(outcome))}


def _start(job: Job, tasks: Sequence[Task]) -> None:
    global _worker, _tasks
    _worker, _tasks = Worker(job), tasks


def _run(number: int) -> Outcome:
    return _worker.run(*_tasks[number])
