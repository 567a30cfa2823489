"""What one worker does with one recording: read it, encode the frames that were never encoded, keep both on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError, NeonControlError, ObservationError
from neon_control.core.sensing.audio_buffer import AUDIO_WINDOW_S
from neon_control.core.sensing.observation import Observation
from neon_control.recordings.finding import Recording, Report, Sample
from neon_control.recordings.reading import SILENCE
from neon_control.runtime.compute.device_arrays import to_numpy
from neon_control.runtime.encoders.backbone import Backbone, BackboneOptions
from neon_control.runtime.encoders.encoding import encode_observations
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES, AudioEncoder
from neon_control.runtime.encoders.registry import load_backbone
from neon_control.runtime.speech.spoken import drawn_window, seconds, variant_of
from neon_control.training.feature_files import Arrays, map_arrays, remove_scratch, write_arrays
from neon_control.training.feature_job import Files, Job, frames_of

# Clips that a backbone encodes together. It pays for transformers; the small encoders' time on a CPU is all matrix products, and batches
# of 2 to 16 images or windows cost the same for each.
BATCH = 8
SAVE = 4096  # new frames after which a long recording's features are written although it is not finished: some minutes of work


@dataclass(frozen=True)
class Outcome:
    """What became of one recording."""

    index: int  # of the recording
    frames: int = 0  # encoded now
    problems: tuple[str, ...] = ()  # all there are where there is no sample
    error: str = ""  # the whole run cannot go on


def _prepare(folder: Path) -> None:
    """Make the folder of features, or ConfigError; remove what a worker left there that was killed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder}: {error.strerror}; --cache names another one") from error
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"cannot keep features in {folder}: it is read-only; --cache names another folder")
    remove_scratch(folder)


def _notes(report: Report, problems: Sequence[str]) -> dict[str, str]:
    """What is kept of a recording beside its samples."""
    images = [[camera, vars(kind), count] for (camera, kind), count in report.images.items()]
    notes = {"problems": json.dumps(problems), "images": json.dumps(images)}
    return notes | {key: text for key, text in (("take", report.take), ("outcome", report.outcome)) if text}


class Worker:
    """Does a job, recording by recording; loads the encoders when they are first needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._timed: dict[str, float] = {}  # words -> how long it takes to say them [s]
        self._spoken: dict[tuple[str, int], np.ndarray] = {}  # words, variant -> (384,)

    def run(self, index: int, recording: Recording, files: Files) -> Outcome:
        """Make what is missing of the two files.

        Raises:
            ConfigError: a file cannot be written.
            PolicyError: an encoder is missing.
        """
        _prepare(files.features.parent)
        job, report = self._job, Report()
        samples = _Pieces({})
        encoders = [(files.features, self.encode), *([(files.views, self.encode_views)] if files.views else [])]
        kept = [(_Pieces((map_arrays(path) or ({}, {}))[0]), path, encode) for path, encode in encoders]
        tasks: set[str] = set()
        stream = recording.samples(job.space, job.dt, job.num_steps, job.vision.clip, report)
        try:
            while batch := list(islice(stream, BATCH)):  # never all images of a recording at once
                batch = self._told(batch, recording.name, report)
                if not batch:
                    continue
                tasks.update(s.observation.instruction for s in batch)
                rows = to_arrays(batch)
                samples.add(rows)
                for pieces, path, encode in kept:
                    missing = [row for row, frame in enumerate(frames_of(rows)) if frame not in pieces.frames]
                    if missing:
                        new = encode([batch[row] for row in missing], recording.name)
                        pieces.add(new | {key: rows[key][missing] for key in ("stamps", "episode")})
                    if pieces.unsaved >= SAVE:
                        pieces.save(path)
        except ObservationError as error:
            report.add(recording.name, None, str(error))
            samples = _Pieces({})  # what was read before it is not used
        except NeonControlError:
            raise
        except Exception as error:  # whatever an encoder makes of one recording, the others are done
            report.add(recording.name, None, f"cannot be encoded: {type(error).__name__}: {error}")
            samples = _Pieces({})
        problems = tuple(str(p) for p in report.problems)
        for pieces, path, _ in kept:
            if pieces.unsaved:
                pieces.save(path)
        encoded = max(pieces.added for pieces, _, _ in kept)
        if not samples.added:
            clip = f"{job.vision.clip.frames} images at {job.vision.clip.rate_hz:g} Hz"
            problems = problems or (f"{recording.name}: no sample; it may be shorter than one clip of {clip}",)
            return Outcome(index, encoded, problems)
        samples.save(files.samples, _notes(report, problems) | ({"tasks": json.dumps(sorted(tasks - {""}))} if job.told else {}))
        return Outcome(index, encoded, problems)

    def encode(self, samples: Sequence[Sample], name: str = "") -> Arrays:
        """Features of a few samples' images and sound, as the live node computes them.

        Args:
            name: of their recording, which is part of whose voice is heard at which frame.
        """
        drawn = [self._draw(s, name) for s in samples]
        seen = self._seen(samples, drawn)
        return {
            "vision": self._look(seen),
            "audio": np.stack([self._hear_words(*d) if d else self._hear(o.audio) for o, d in zip(seen, drawn, strict=True)]),
        }

    def encode_views(self, samples: Sequence[Sample], name: str = "") -> Arrays:
        """Features (n, K, F) of the variants of a few samples' images; arguments as of `encode`."""
        augment = self._job.augment
        if augment is None:
            raise ConfigError("no augmentation is asked for")
        seen = self._seen(samples, [self._draw(s, name) for s in samples])
        views = [
            self._look([augment.variant(o, s.episode, view) for o, s in zip(seen, samples, strict=True)]) for view in range(augment.views)
        ]
        return {"views": np.stack(views, axis=1)}

    @staticmethod
    def _seen(samples: Sequence[Sample], drawn: Sequence[tuple[str, int] | None]) -> list[Observation]:
        """Observations with the sound that is to be heard."""
        return [replace(s.observation, audio=drawn_window(*d)) if d else s.observation for s, d in zip(samples, drawn, strict=True)]

    def _look(self, seen: Sequence[Observation]) -> np.ndarray:
        """(n, F)"""
        spec = self._job.vision
        groups = [list(group) for _, group in groupby(seen, lambda o: spec.words(o.instruction))]
        return np.concatenate([to_numpy(encode_observations(self._eye, spec, group).features) for group in groups])

    def _told(self, batch: list[Sample], name: str, report: Report) -> list[Sample]:
        """Without the samples at which a robot would wait for words; what has none is reported."""
        job = self._job
        untold = [s for s in batch if not s.observation.instruction] if job.told else []
        if job.vision.tasks:
            effect = "it is told what backbone.instruction says" if job.vision.instruction else "left out"
        else:
            effect = "silence stands in for them"
            untold = [s for s in untold if s.observation.audio is SILENCE]
        for _ in untold:
            report.add(name, None, f"no words say what is to be done at an image's time; {effect}", "untold")
        if job.speak:
            for words in sorted({s.observation.instruction for s in batch if s.observation.audio is SILENCE} - {"", *self._timed}):
                self._timed[words] = seconds(words)
            for words, duration in self._timed.items():
                if duration > AUDIO_WINDOW_S and any(s.observation.instruction == words for s in batch):
                    text = f"'{words}' takes {duration:.1f} s to say, of which a policy hears {AUDIO_WINDOW_S:.0f} s at a time"
                    report.add(name, None, text, f"long {words}")
        waits = job.vision.tasks and not job.vision.instruction
        return [s for s in batch if s.observation.instruction] if waits else batch

    def _draw(self, sample: Sample, name: str) -> tuple[str, int] | None:
        """Words and the variant in which they are heard; None where the recording has sound, or nothing to say."""
        seen = sample.observation
        if not self._job.speak or seen.audio is not SILENCE or not seen.instruction:
            return None
        return seen.instruction, variant_of(name, sample.episode, seen.stamp)

    def _hear_words(self, words: str, variant: int) -> np.ndarray:
        """The same for all frames at which one voice says the same."""
        if (words, variant) not in self._spoken:
            self._spoken[words, variant] = self._hear(drawn_window(words, variant))
        return self._spoken[words, variant]

    def _hear(self, sound: np.ndarray) -> np.ndarray:
        if not self._job.audio:
            return np.zeros(AUDIO_FEATURES, np.float32)
        return self._silence if sound.shape == SILENCE.shape and not sound.any() else self._ear.encode(sound)

    @cached_property
    def _eye(self) -> Backbone:
        return load_backbone(self._job.vision, Path.cwd(), BackboneOptions(1 if self._job.small else self._job.cores))

    @cached_property
    def _ear(self) -> AudioEncoder:
        return AudioEncoder(threads=1)

    @cached_property
    def _silence(self) -> np.ndarray:
        """(384,) of all frames of a recording without sound."""
        return self._ear.encode(SILENCE)


class _Pieces:
    """Arrays that grow by rows.

    Attributes:
        frames: of all rows.
        added: rows, since the beginning.
        unsaved: rows, since they were last saved; only these are in memory.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._pieces = [arrays] if arrays else []
        self.frames = set(frames_of(arrays)) if arrays else set()
        self.added = self.unsaved = 0

    def add(self, arrays: Arrays) -> None:
        """More rows."""
        self._pieces.append(arrays)
        frames = frames_of(arrays)
        self.frames.update(frames)
        self.added += len(frames)
        self.unsaved += len(frames)

    def save(self, path: Path, notes: Mapping[str, str] | None = None) -> None:
        """Write all rows, and map them from there."""
        write_arrays(path, {key: [p[key] for p in self._pieces] for key in self._pieces[0]}, notes)
        found = map_arrays(path)
        self._pieces = [found[0]] if found else self._pieces
        self.unsaved = 0


def to_arrays(samples: Sequence[Sample]) -> Arrays:
    """What a samples file holds of them."""
    return {
        "joints": np.stack([s.observation.joint_positions for s in samples]).astype(np.float32),
        "actions": np.stack([s.actions for s in samples]).astype(np.float32),
        "mask": np.stack([s.mask for s in samples]).astype(np.float32),
        "stamps": np.array([s.observation.stamp for s in samples], np.int64),
        "episode": np.array([s.episode for s in samples], np.int32),
        "leader": np.array([s.leader for s in samples], np.int32),
        "before_takeover": np.array([s.before_takeover for s in samples], np.float32),
    }
