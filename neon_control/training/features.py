"""The frozen encoders' features, computed once for each camera image and kept beside the recording, or in a folder of their own.

Files are named after a hash of everything that decides their content, so another encoder, joint order or chunk length never reads an
old one; see `feature_job` for what is in them, and `spread` for who computes them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError
from neon_control.core.observation import Clip
from neon_control.runtime.backbones.backbone import BackboneSpec
from neon_control.runtime.policy import VISION_ENCODER
from neon_control.runtime.vision import VISION_FEATURES, build_cache, cache_folder, vision_revision
from neon_control.training.feature_files import Arrays
from neon_control.training.feature_job import Job, Recording
from neon_control.training.recordings import Sample, read_samples
from neon_control.training.spread import in_processes, over_ray

SHOWN = 40  # problems in a table
EDGE = 1 << 16  # bytes of a file of messages that tell its content, at each end


@dataclass(frozen=True)
class Extraction:
    """What there is after everything missing was computed."""

    arrays: list[Arrays]  # of the usable recordings, in their order
    usable: list[int]  # which these are
    encoded: int  # frames, now; the others were there
    problems: list[tuple[str, str]]  # (recording, what was left out of it and why)

    def table(self) -> str:
        """The problems as text; empty where there is none."""
        if not self.problems:
            return ""
        width = max(len(name) for name, _ in self.problems[:SHOWN])
        lines = [f"  {name:<{width}}  {text}" for name, text in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"  ... and {len(self.problems) - SHOWN} more")
        return "\n".join([f"{len(self.problems)} problems in {len({name for name, _ in self.problems})} recordings:", *lines])


def prepare(
    bags: Sequence[Path | Recording],
    space: ActionSpace,
    dt: float,
    num_steps: int,
    workers: int | None = None,
    fit: str = "stretch",
    vision: BackboneSpec | None = None,
    *,
    cache: Path | None = None,
) -> list[Arrays]:
    """Compute what is missing and load everything; problems go to stderr as a table. See `extract`.

    Returns:
        For each usable recording, n samples, read-only and mapped into memory: `vision` (n, F), `audio` (n, 384), `joints` (n, J) [rad],
        `actions` (n, H, N), `mask` (n, H), `stamps` (n,) [ns], `episode` (n,).

    Raises:
        ConfigError: no recording is usable; as of `extract`.
    """
    vision = vision or BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES, fit)
    extraction = extract(bags, space, dt, num_steps, vision, workers, cache)
    if table := extraction.table():
        print(table, file=sys.stderr)
    if not extraction.usable:
        raise ConfigError(f"none of the {len(bags)} recordings can be used")
    return extraction.arrays


def extract(
    bags: Sequence[Path | Recording],
    space: ActionSpace,
    dt: float,
    num_steps: int,
    vision: BackboneSpec,
    workers: int | None = None,
    cache: Path | None = None,
    ray: str | None = None,
) -> Extraction:
    """Compute what is missing, in a pool of processes or over a Ray cluster, and map everything into memory.

    What is finished is never computed again, whatever ended the run before. A recording or a frame that cannot be used is reported, and the
    others go on. A Hugging Face backbone runs in one process only: its weights may fill the memory, or the GPU.

    Args:
        dt: [s] between steps of a target.
        num_steps: H.
        workers: processes; default: one per core, or what the cluster has.
        cache: folder for the files, for recordings that are read-only; default: beside each recording.
        ray: address of a Ray cluster, "" for the one that Ray finds or starts; None: processes of this computer.

    Raises:
        ConfigError: the files cannot be written.
        PolicyError: an encoder is missing.
        NeonControlError: a worker process was killed.
    """
    recordings = [Bag(b) if isinstance(b, Path) else b for b in bags]
    job = Job(space, dt, num_steps, vision, None if cache is None else cache.absolute(), workers or os.cpu_count() or 1)
    files = [job.files(recording) for recording in recordings]
    loaded = [job.load(f) for f in files]
    tasks = [(i, recordings[i], files[i]) for i, found in enumerate(loaded) if found is None]
    failed: list[tuple[str, ...]] = [()] * len(recordings)
    encoded = 0
    if tasks:
        if job.small and not cache_folder().exists():
            build_cache()  # once here, not in every worker
        outcomes = in_processes(job, tasks, job.cores if job.small else 1) if ray is None else over_ray(job, tasks, workers, ray)
        for outcome in tqdm(outcomes, "encoding", len(recordings), initial=len(recordings) - len(tasks), unit="recording"):
            encoded += outcome.frames
            loaded[outcome.index] = job.load(files[outcome.index])
            failed[outcome.index] = outcome.problems
    usable = [i for i, found in enumerate(loaded) if found is not None]
    problems = [
        (r.name, text) for r, found, others in zip(recordings, loaded, failed, strict=True) for text in (found[1] if found else others)
    ]
    return Extraction([found[0] for found in loaded if found is not None], usable, encoded, problems)


def find_recordings(root: Path) -> list[Path]:
    """The bags below a folder, in order of their names.

    Raises:
        ConfigError: there is none.
    """
    bags = sorted(p.parent for p in root.glob("*/metadata.yaml"))
    if not bags:
        raise ConfigError(f"no recordings in {root.absolute()}; `neon_control collect --out {root}` makes some")
    return bags


@dataclass(frozen=True)
class BagReading:
    """A whole bag, or the reason why not."""

    samples: Sequence[Sample] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Bag:
    """A rosbag2 as a `Recording`."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's."""
        return self.path.name

    def fingerprint(self) -> str:
        """Of the description, and of the size, the beginning and the end of each file of messages, where mcap has its checksums."""
        digest = hashlib.sha256((self.path / "metadata.yaml").read_bytes())
        for file in sorted(p for p in self.path.iterdir() if p.suffix in (".mcap", ".db3")):
            with file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                for at in (0, max(0, size - EDGE)):
                    stream.seek(at)
                    digest.update(stream.read(EDGE))
            digest.update(f"{file.name} {size}".encode())
        return digest.hexdigest()

    def read(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip) -> BagReading:
        """All of it or nothing."""
        try:
            return BagReading(read_samples(self.path, space, dt, num_steps, clip))
        except Exception as error:  # what a parser raises at a damaged file is up to the damage
            text = str(error)
            return BagReading(problems=[text if str(self.path) in text else f"{self.path}: {type(error).__name__}: {text}"])
