"""The frozen encoders' features, computed once for each camera image and kept beside the recording, or in a folder of their own.

Files are named after a hash of everything that decides their content, so another encoder, joint order or chunk length never reads an
old one; see `feature_job` for what is in them, `feature_worker` for how it is computed, and `spread` for where.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from neon_control.core.common.errors import ConfigError
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.recordings.finding import Recording
from neon_control.recordings.reading import Problem, alike
from neon_control.runtime.encoders.vision import build_cache, cache_folder
from neon_control.runtime.speech.espeak import require_espeak
from neon_control.training.feature_files import Arrays, let_files_stay_open
from neon_control.training.feature_job import Job, Notes
from neon_control.training.feature_worker import Outcome
from neon_control.training.spread import Task, over_processes, over_ray

SHOWN = 40  # problems in a table


@dataclass(frozen=True)
class Extraction:
    """What there is after everything missing was computed."""

    arrays: list[Arrays]  # of the usable recordings, in their order
    encoded: int  # frames, now; the others were there
    problems: list[tuple[str, str]]  # recording, and what was left out of it and why: a text that begins with the recording's name
    images: Counter[tuple[str, ImageKind]] = field(default_factory=Counter)  # of the usable ones: camera, how its images came -> how many
    takes: tuple[str, ...] = ()  # of each of `arrays`, what its recording says that it is a part of; "" where it does not
    tasks: tuple[str, ...] = ()  # what the policy is told in any of them, in order
    names: tuple[str, ...] = ()  # of each of `arrays`, its recording's, and the folder's in which that is
    outcomes: tuple[str, ...] = ()  # of each of `arrays`, how its recording says that it ended; "" where it does not

    def table(self) -> str:
        """The problems as text, those that differ in numbers only on one line; empty where there is none."""
        if not self.problems:
            return ""
        rows = alike((name, Problem("", None, text)) for name, text in self.problems)
        lines = [f"  {first.what}" + (f" (and in {count - 1} more recordings)" if count > 1 else "") for first, count in rows]
        if len(lines) > SHOWN:
            lines[SHOWN:] = [f"  ... and {len(lines) - SHOWN} more"]
        return "\n".join([f"{len(self.problems)} problems in {len({name for name, _ in self.problems})} recordings:", *lines])


def prepare(recordings: Sequence[Recording], job: Job) -> Extraction:
    """Compute what is missing and load everything; problems go to stderr as a table. See `extract`.

    Returns:
        Its `arrays` are, for each usable recording, n samples, read-only and mapped into memory: `vision` (n, F), `audio` (n, 384),
        `joints` (n, J) [rad], `actions` (n, H, N), `mask` (n, H), `stamps` (n,) [ns], `episode` (n,), `leader` (n,),
        `before_takeover` (n,) [s], and `views` (n, K, F) where variants are asked for.

    Raises:
        ConfigError: no recording is usable; as of `extract`.
    """
    extraction = extract(recordings, job)
    if table := extraction.table():
        print(table, file=sys.stderr)
    if not extraction.arrays:
        raise ConfigError(f"none of the {len(recordings)} recordings can be used")
    return extraction


def extract(recordings: Sequence[Recording], job: Job, ray: str | None = None) -> Extraction:
    """Compute what is missing, in a pool of processes or over a Ray cluster, and map everything into memory.

    What is finished is never computed again, whatever ended the run before. A recording or a frame that cannot be used is reported, and the
    others go on. A Hugging Face backbone runs in one process only: its weights may fill the memory, or the GPU.

    Args:
        ray: address of a Ray cluster, "" for the one that Ray finds or starts; None: processes of this computer.

    Raises:
        ConfigError: the files cannot be written, or not all of them be opened at once; or what is to be spoken cannot be, here.
        PolicyError: an encoder is missing.
        NeonControlError: a worker process was killed.
    """
    let_files_stay_open(3 * len(recordings))
    if job.speak:
        require_espeak()
    loaded: list[tuple[Arrays, Notes] | None] = [None] * len(recordings)
    failed: list[tuple[str, ...]] = [()] * len(recordings)
    tasks: dict[int, Task] = {}
    for i, recording in enumerate(recordings):
        try:
            files = job.files(recording)
        except Exception as error:  # it cannot even be told what it is
            what = str(error) if isinstance(error, (ConfigError, OSError)) else f"{type(error).__name__}: {error}"
            failed[i] = (f"{recording.name}: {what}",)
            continue
        loaded[i] = job.load(files)
        if loaded[i] is None:
            tasks[i] = i, recording, files
    encoded = 0
    for outcome in _encode(job, list(tasks.values()), ray, len(recordings)):
        _, _, files = tasks[outcome.index]
        encoded += outcome.frames
        loaded[outcome.index] = job.load(files)
        failed[outcome.index] = outcome.problems
    problems = [
        (r.name, text)
        for r, found, others in zip(recordings, loaded, failed, strict=True)
        for text in (found[1].problems if found else others)
    ]
    usable = [found for found in loaded if found is not None]
    images = sum((notes.images for _, notes in usable), Counter[tuple[str, ImageKind]]())
    takes = tuple(notes.take for _, notes in usable)
    words = tuple(sorted({text for _, notes in usable for text in notes.tasks}))
    outcomes = tuple(notes.outcome for _, notes in usable)
    names = tuple(f"{r.path.absolute().parent.name}/{r.name}" for r, found in zip(recordings, loaded, strict=True) if found is not None)
    return Extraction([arrays for arrays, _ in usable], encoded, problems, images, takes, words, names, outcomes)


def _encode(job: Job, tasks: Sequence[Task], ray: str | None, recordings: int) -> Iterable[Outcome]:
    if not tasks:
        return ()
    if job.small and not cache_folder().exists():
        build_cache()  # once here, not in every worker
    outcomes = over_processes(job, tasks) if ray is None else over_ray(job, tasks, ray)
    result: Iterable[Outcome] = tqdm(outcomes, "encoding", recordings, initial=recordings - len(tasks), unit="recording", disable=None)
    return result
