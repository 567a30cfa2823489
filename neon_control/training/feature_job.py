"""What one worker does with one recording: read it, encode the frames that were never encoded, keep both on disk.

Two files, because they change for different reasons:

    features-<key>  vision (m, F), audio (m, 384), stamps (m,), episode (m,)
                    of every frame that was ever asked for; slow; key: recording, encoders, preprocessing
    samples-<key>   joints (n, J) [rad], actions (n, H, N), mask (n, H), stamps (n,), episode (n,)
                    fast; key: recording, joints and their order, dt, H, clip

A frame is known by its episode and stamp, so another dt, mode or order of joints finds its features again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neon_control.core.action_space import ActionSpace
from neon_control.core.errors import ConfigError, ObservationError
from neon_control.core.observation import Clip
from neon_control.runtime.backbones.backbone import Backbone, BackboneOptions, BackboneSpec
from neon_control.runtime.backbones.registry import load_backbone
from neon_control.runtime.hearing import AudioEncoder, audio_revision
from neon_control.runtime.policy import VISION_ENCODER
from neon_control.training.feature_files import Arrays, map_arrays, remove_scratch, write_arrays
from neon_control.training.recordings import Sample

FORMAT = 2  # of both files; raise it when their content changes
# Clips that a backbone encodes together. It pays for transformers; the small encoders' time on a CPU is all matrix products, and batches
# of 2 to 16 images or windows cost the same for each.
BATCH = 8


class Reading(Protocol):
    """What a recording gave."""

    @property
    def samples(self) -> Sequence[Sample]: ...  # a sample may have `episode`, a whole number

    @property
    def problems(self) -> Sequence[object]: ...  # what had to be left out: file, time and reason, as str() shows it


class Recording(Protocol):
    """Samples from somewhere on disk; it travels to worker processes."""

    @property
    def path(self) -> Path: ...

    @property
    def name(self) -> str: ...

    def fingerprint(self) -> str:
        """Changes with the content."""
        ...

    def read(self, space: ActionSpace, dt: float, num_steps: int, clip: Clip) -> Reading:
        """The samples; see `read_samples`."""
        ...


@dataclass(frozen=True)
class Files:
    """Where a recording's arrays are kept."""

    features: Path
    samples: Path


@dataclass(frozen=True)
class Outcome:
    """What became of one recording."""

    index: int  # of the recording
    frames: int = 0  # encoded now
    problems: tuple[str, ...] = ()  # all there are where there is no sample
    error: str = ""  # the whole run cannot go on


@dataclass(frozen=True)
class Job:
    """Everything that decides what is computed; the same for all recordings.

    Args:
        dt: [s] between steps of a target.
        num_steps: H.
        cache: folder for the files; beside the recording where none is given.
        cores: of a computer, for workers or for the threads of the only one.
    """

    space: ActionSpace
    dt: float
    num_steps: int
    vision: BackboneSpec
    cache: Path | None = None
    cores: int = 1

    @property
    def small(self) -> bool:
        """Whether a worker for each core is the fastest; a Hugging Face backbone may fill the memory, or the GPU, and has threads."""
        return self.vision.encoder == VISION_ENCODER

    def files(self, recording: Recording) -> Files:
        """Where the recording's files are or will be."""
        beside = recording.path if recording.path.is_dir() else recording.path.parent
        folder = beside if self.cache is None else self.cache / recording.name.replace("/", "_")
        content = recording.fingerprint()
        features = [FORMAT, content, {k: v for k, v in self.vision.to_dict().items() if k != "model"}, audio_revision()]
        space = self.space
        samples = [FORMAT, content, space.mode, list(space.joint_names), space.dim, self.dt, self.num_steps, asdict(self.vision.clip)]
        return Files(*(folder / f"{kind}-{_key(of)}.safetensors" for kind, of in (("features", features), ("samples", samples))))

    def load(self, files: Files) -> tuple[Arrays, tuple[str, ...]] | None:
        """A recording's arrays, mapped into memory, and its problems; None where something is missing."""
        found, encoded = map_arrays(files.samples), map_arrays(files.features)
        if found is None or encoded is None:
            return None
        (samples, notes), (features, _) = found, encoded
        wanted, known = _frames(samples), _frames(features)
        if wanted != known:
            rows = dict(zip(known, range(len(known)), strict=True))
            if not set(wanted) <= set(rows):
                return None
            features = {key: values[[rows[frame] for frame in wanted]] for key, values in features.items()}
        return {"vision": features["vision"], "audio": features["audio"], **samples}, tuple(json.loads(notes["problems"]))


class Worker:
    """Does a job, recording by recording; loads the encoders when they are first needed."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def run(self, index: int, recording: Recording, files: Files) -> Outcome:
        """Make what is missing of the two files.

        Raises:
            ConfigError: a file cannot be written.
            PolicyError: an encoder is missing.
        """
        folder = files.features.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the folder {folder}: {error.strerror}; --cache names another one") from error
        if not os.access(folder, os.W_OK):
            raise ConfigError(f"cannot keep features in {folder}: it is read-only; --cache names another folder")
        remove_scratch(folder)
        job = self._job
        reading = recording.read(job.space, job.dt, job.num_steps, job.vision.clip)
        problems = tuple(str(problem) for problem in reading.problems)
        if not reading.samples:
            clip = f"{job.vision.clip.frames} images at {job.vision.clip.rate_hz:g} Hz"
            return Outcome(index, problems=problems or (f"{recording.path}: no sample; it may be shorter than one clip of {clip}",))
        samples = _to_arrays(reading.samples)
        try:
            frames = self._add_features(files.features, reading.samples, samples)
        except ObservationError as error:
            return Outcome(index, problems=(*problems, f"{recording.path}: {error}"))
        write_arrays(files.samples, samples, {"problems": json.dumps(problems)})
        return Outcome(index, frames, problems)

    def _add_features(self, path: Path, samples: Sequence[Sample], arrays: Arrays) -> int:
        """Encode the frames that the file does not have; how many these were."""
        features, _ = map_arrays(path) or ({}, {})
        known = set(_frames(features)) if features else set()
        missing = [row for row, frame in enumerate(_frames(arrays)) if frame not in known]
        if missing:
            new = self.encode([samples[row] for row in missing]) | {key: arrays[key][missing] for key in ("stamps", "episode")}
            write_arrays(path, {key: np.concatenate([features[key], new[key]]) for key in new} if features else new)
        return len(missing)

    def encode(self, samples: Sequence[Sample]) -> Arrays:
        """Features of the samples' images and sound, as the live node computes them."""
        vision, audio = self._encoders
        features = []
        for start in range(0, len(samples), BATCH):
            batch = [s.observation for s in samples[start : start + BATCH]]
            sound = [o.audio for o in batch] if vision.hears else ()
            features.append(vision.encode([o.frames for o in batch], self._job.vision.instruction, sound).features)
        return {"vision": np.concatenate(features), "audio": np.stack([audio.encode(s.observation.audio) for s in samples])}

    @cached_property
    def _encoders(self) -> tuple[Backbone, AudioEncoder]:
        threads = 1 if self._job.small else self._job.cores
        return load_backbone(self._job.vision, Path.cwd(), BackboneOptions(threads)), AudioEncoder(threads=1)


def _to_arrays(samples: Sequence[Sample]) -> Arrays:
    return {
        "joints": np.stack([s.observation.joint_positions for s in samples]).astype(np.float32),
        "actions": np.stack([s.actions for s in samples]).astype(np.float32),
        "mask": np.stack([s.mask for s in samples]).astype(np.float32),
        "stamps": np.array([s.observation.stamp for s in samples], np.int64),
        "episode": np.array([getattr(s, "episode", 0) for s in samples], np.int32),
    }


def _frames(arrays: Arrays) -> list[tuple[int, int]]:
    """What identifies each row: episode and stamp [ns]."""
    return list(zip(arrays["episode"].tolist(), arrays["stamps"].tolist(), strict=True))


def _key(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
