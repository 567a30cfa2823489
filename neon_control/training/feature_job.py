"""What is to be made of recordings, and where it is kept.

Two files for each, or three, because they change for different reasons:

    features-<key>  vision (m, F), audio (m, 384), stamps (m,), episode (m,)
                    of every frame that was ever asked for; slow; key: recording, encoders, preprocessing
    views-<key>     views (m, K, F), stamps (m,), episode (m,)
                    of the same frames, their K augmented variants; slowest; key: as of the features, and how they are augmented
    samples-<key>   joints (n, J) [rad], actions (n, H, N), mask (n, H), stamps (n,), episode (n,),
                    leader (n,), before_takeover (n,) [s]
                    fast; key: recording, joints and their order, dt, H, clip

Where a policy is told what to do, the words that a recording has are part of both keys; its tasks are noted beside the samples.

A frame is known by its episode and stamp, so another dt, mode or order of joints finds its features again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.sensing.image_kind import ImageKind
from neon_control.recordings.finding import Recording
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hearing import audio_revision
from neon_control.runtime.policy.policy import VISION_ENCODER
from neon_control.runtime.speech.spoken import REVISION as SPEECH
from neon_control.training.augmentation import Augment
from neon_control.training.feature_files import Arrays, map_arrays

FORMAT = 2  # of all files; raise it when their content changes
NOTES = 3  # the same of what a samples file says about its recording; features stay, and nothing is encoded again


@dataclass(frozen=True)
class Files:
    """Where a recording's arrays are kept."""

    features: Path
    samples: Path
    views: Path | None = None  # where variants are asked for


@dataclass(frozen=True)
class Notes:
    """What was found while a recording was read."""

    problems: tuple[str, ...] = ()
    images: Counter[tuple[str, ImageKind]] = field(default_factory=Counter)  # camera, how its images came -> how many
    take: str = ""  # what the recording says that it is a part of
    tasks: tuple[str, ...] = ()  # what is to be done, in words, where that counts
    outcome: str = ""  # how it ended, as the recording says


@dataclass(frozen=True)
class Job:
    """Everything that decides what is computed; the same for all recordings.

    Args:
        dt: [s] between steps of a target.
        num_steps: H.
        cache: folder for the files, for recordings that are read-only; beside each recording where none is given.
        workers: processes; None: one per core, or what a cluster has. Where only one may run, as many threads.
        audio: False for a policy that does not listen: its features of sound are 0, and no encoder is loaded for them.
        speak: what a recording says is to be done is spoken where it has no sound.
        augment: variants of the images, to be encoded as well.
    """

    space: ActionSpace
    dt: float
    num_steps: int
    vision: BackboneSpec
    cache: Path | None = None
    workers: int | None = None
    audio: bool = True
    speak: bool = False
    augment: Augment | None = None

    @property
    def cores(self) -> int:
        """For workers, or for the threads of the only one."""
        return self.workers or os.cpu_count() or 1

    @property
    def small(self) -> bool:
        """Whether a worker for each core is the fastest; a Hugging Face backbone may fill the memory, or the GPU, and has threads."""
        return self.vision.encoder == VISION_ENCODER

    @property
    def told(self) -> bool:
        """Whether the words count that a recording has."""
        return self.vision.tasks or self.speak

    def files(self, recording: Recording) -> Files:
        """Where the recording's files are or will be."""
        beside = recording.path if recording.path.is_dir() else recording.path.parent
        folder = beside if self.cache is None else self.cache.absolute() / recording.name.replace("/", "_")
        content = recording.fingerprint()
        vision = {k: v for k, v in self.vision.to_dict().items() if k != "model"}
        senses: list[list[Any]] = [[FORMAT, recording.senses_fingerprint(), vision, ear] for ear in (audio_revision(), None)]
        words = [recording.instruction_fingerprint(), self.vision.tasks, SPEECH if self.speak else 0] if self.told else []
        senses = [[*of, words] for of in senses] if words else senses  # features of older versions are found again
        heard, deaf = (folder / f"features-{_key(of)}.safetensors" for of in senses)
        space = self.space
        samples: list[Any] = [FORMAT, NOTES, content, space.mode, list(space.joint_names), space.dim, self.dt, self.num_steps]
        samples += [asdict(self.vision.clip)]
        samples += [space.lower.tolist(), space.upper.tolist()] if recording.uses_ranges else []
        samples += [words, bool(self.vision.instruction)] if words else []
        features = heard if self.audio or heard.exists() else deaf  # what was heard for another policy is as good
        varied = [FORMAT, recording.senses_fingerprint(), vision, words, asdict(self.augment)] if self.augment else None
        views = folder / f"views-{_key(varied)}.safetensors" if varied else None
        return Files(features, folder / f"samples-{_key(samples)}.safetensors", views)

    def load(self, files: Files) -> tuple[Arrays, Notes] | None:
        """A recording's arrays, mapped into memory, and what there is to say of it; None where something is missing."""
        found = map_arrays(files.samples)
        if found is None:
            return None
        samples, notes = found
        seen: Arrays = {}
        for path, keys in ((files.features, ("vision", "audio")), (files.views, ("views",))):
            if path is None:
                continue
            arrays = _rows(path, frames_of(samples))
            if arrays is None:
                return None
            seen |= {key: arrays[key] for key in keys}
        images = Counter({(camera, ImageKind(**kind)): count for camera, kind, count in json.loads(notes["images"])})
        tasks = tuple(json.loads(notes.get("tasks", "[]"))) if self.told else ()
        return seen | samples, Notes(tuple(json.loads(notes["problems"])), images, notes.get("take", ""), tasks, notes.get("outcome", ""))


def frames_of(arrays: Arrays) -> list[tuple[int, int]]:
    """What identifies each row: episode and stamp [ns]."""
    return list(zip(arrays["episode"].tolist(), arrays["stamps"].tolist(), strict=True))


def _rows(path: Path, wanted: list[tuple[int, int]]) -> Arrays | None:
    """The rows of these frames, in this order; None where the file or one of them is missing."""
    arrays, _ = map_arrays(path) or (None, {})
    if arrays is None:
        return None
    known = frames_of(arrays)
    if wanted == known:
        return arrays
    rows = dict(zip(known, range(len(known)), strict=True))
    if not set(wanted) <= set(rows):
        return None
    return {key: values[[rows[frame] for frame in wanted]] for key, values in arrays.items()}


def _key(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
