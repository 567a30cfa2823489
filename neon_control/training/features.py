"""The frozen encoders' features, computed once for each recording and kept beside it.

The file `samples-<key>.safetensors` lies in the bag's folder. The key is a hash of everything that decides its content, so
another encoder, joint order or chunk length never reads an old file; a file is complete or not there.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from neon_control.core.action_space import ActionSpace
from neon_control.core.cameras import Camera
from neon_control.core.errors import ConfigError
from neon_control.runtime.backbones.backbone import Backbone, BackboneOptions, BackboneSpec
from neon_control.runtime.backbones.encoding import encode_observations
from neon_control.runtime.backbones.registry import load_backbone
from neon_control.runtime.hearing import AudioEncoder, audio_revision
from neon_control.runtime.policy import VISION_ENCODER
from neon_control.runtime.vision import VISION_FEATURES, build_cache, cache_folder, vision_revision
from neon_control.training.recordings import read_samples

Arrays = dict[str, np.ndarray]

BATCH = 8  # clips that a backbone encodes together

_encode: Callable[[Path], None]  # what a worker process does with a recording


def find_recordings(root: Path) -> list[Path]:
    """The bags below a folder, in order of their names.

    Raises:
        ConfigError: there is none.
    """
    bags = sorted(p.parent for p in root.glob("*/metadata.yaml"))
    if not bags:
        raise ConfigError(f"no recordings in {root.absolute()}; `neon_control collect --out {root}` makes some")
    return bags


def sample_key(
    space: ActionSpace,
    dt: float,
    num_steps: int,
    fit: str = "stretch",
    vision: BackboneSpec | None = None,
    cameras: Sequence[Camera] = (Camera(),),
) -> str:
    """Hash of all that decides the content of a sample file besides the recording."""
    content = [vision_revision(), audio_revision(), list(space.joint_names), space.dim, dt, num_steps, 1]
    if fit != "stretch":
        content.append(fit)
    if vision is not None and vision.encoder != VISION_ENCODER:
        content.append({key: value for key, value in vision.to_dict().items() if key != "model"})  # where it lies changes nothing
    if tuple(cameras) != (Camera(),):
        content.append([vision.combine if vision else "", [(c.name, c.topic) for c in cameras]])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def prepare(
    bags: Sequence[Path],
    space: ActionSpace,
    dt: float,
    num_steps: int,
    workers: int | None = None,
    fit: str = "stretch",
    vision: BackboneSpec | None = None,
    cameras: Sequence[Camera] = (Camera(),),
) -> list[Arrays]:
    """Compute what is missing, in a pool of processes, and load everything. `fit` is that of `to_network_size`.

    `cameras` are those that `vision` names, with their topics.

    A Hugging Face backbone runs in one process only: its weights may fill the memory, or the GPU.

    Returns:
        For each bag, n samples: `vision` (n, F), `audio` (n, 384), `joints` (n, J) [rad], `actions` (n, H, N), `mask` (n, H).
    """
    vision = vision or BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES, fit)
    small = vision.encoder == VISION_ENCODER
    name = f"samples-{sample_key(space, dt, num_steps, fit, vision, cameras)}.safetensors"
    missing = [b for b in bags if not (b / name).exists()]
    if missing:
        if small and not cache_folder().exists():
            build_cache()  # once here, not in every worker
        context = multiprocessing.get_context("spawn")
        workers = workers or os.cpu_count() or 1
        arguments = (name, space, dt, num_steps, vision, cameras, 1 if small else workers)
        with context.Pool(workers if small else 1, _start_worker, arguments) as pool:
            done = pool.imap_unordered(_work, missing)
            for _ in tqdm(done, "encoding", len(bags), initial=len(bags) - len(missing), unit="recording"):
                pass
    return [load_file(b / name) for b in bags]


def encode_recording(
    bag: Path,
    vision: Backbone,
    audio: AudioEncoder,
    space: ActionSpace,
    dt: float,
    num_steps: int,
    spec: BackboneSpec | None = None,
    cameras: Sequence[Camera] = (Camera(),),
) -> Arrays:
    """One bag to arrays; see `prepare`. Without `spec`, of one camera and without an instruction."""
    spec = spec or BackboneSpec(vision.name, vision.revision, vision.hidden_size)
    samples = read_samples(bag, space, dt, num_steps, vision.clip, cameras)
    if not samples:
        raise ConfigError(f"{bag} is shorter than one clip of {vision.clip.frames} images at {vision.clip.rate_hz:g} Hz")
    batches = [[s.observation for s in samples[i : i + BATCH]] for i in range(0, len(samples), BATCH)]
    encoded = [encode_observations(vision, spec, batch) for batch in batches]
    return {
        "vision": np.concatenate([e.features for e in encoded]),
        "audio": np.stack([audio.encode(s.observation.audio) for s in samples]),
        "joints": np.stack([s.observation.joint_positions for s in samples]).astype(np.float32),
        "actions": np.stack([s.actions for s in samples]).astype(np.float32),
        "mask": np.stack([s.mask for s in samples]),
    }


def _start_worker(
    name: str, space: ActionSpace, dt: float, num_steps: int, spec: BackboneSpec, cameras: Sequence[Camera], threads: int
) -> None:
    vision, audio = load_backbone(spec, Path.cwd(), BackboneOptions(threads)), AudioEncoder(threads=1)

    def encode(bag: Path) -> None:
        arrays = encode_recording(bag, vision, audio, space, dt, num_steps, spec, cameras)
        scratch = bag / f".{name}.tmp"
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, scratch)
        scratch.rename(bag / name)

    global _encode
    _encode = encode


def _work(bag: Path) -> None:
    _encode(bag)
