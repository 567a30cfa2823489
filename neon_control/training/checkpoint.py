"""Checkpoints of a run: folders that are whole or not there.

    runs/<name>/checkpoints/step-00000200/
        state.safetensors    weights, their moving average, AdamW's moments, the curves so far
        checkpoint.yaml      format, step, configuration, fingerprint of the data, hash of the other file

What is random in a step follows from the seed and the step (`optimisation.step_seed`), so there is no other state. A folder is
written under another name, brought to the disk, and renamed; the two newest are kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from neon_control.core.common.errors import TrainingError
from neon_control.core.common.files import sha256, verify_sha256
from neon_control.core.common.yaml_file import read_mapping

FORMAT_VERSION = 1
STATE_FILE, DESCRIPTION_FILE = "state.safetensors", "checkpoint.yaml"
KEPT = 2
# Fields that may differ between two parts of a run.
FREE = (
    "data",
    "episodes",
    "out",
    "cache",
    "runs",
    "resume",
    "device",
    "threads",
    "compile",
    "checkpoint_steps",
    "getting_worse",
    "tolerance",
)


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Tensor], config: Mapping[str, Any], fingerprint: str) -> Path:
    """Write a checkpoint into the folder of checkpoints; older ones than the KEPT newest are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    target, scratch = folder / f"step-{step:08d}", folder / f".step-{step:08d}.part"
    for leftover in (*folder.glob(".step-*.part"), target):  # of runs that were cut off; a finished one of the same step says the same
        shutil.rmtree(leftover, ignore_errors=True)
    scratch.mkdir()
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, scratch / STATE_FILE)
    description = {
        "format_version": FORMAT_VERSION,
        "step": step,
        "data_fingerprint": fingerprint,
        "config": dict(config),
        "sha256": sha256(scratch / STATE_FILE),
    }
    (scratch / DESCRIPTION_FILE).write_text(yaml.safe_dump(description, sort_keys=False, width=140))
    for path in (scratch / STATE_FILE, scratch / DESCRIPTION_FILE, scratch):
        _to_disk(path)
    scratch.rename(target)
    _to_disk(folder)
    for old in _folders(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def newest_checkpoint(folder: Path, config: Mapping[str, Any], fingerprint: str) -> tuple[int, dict[str, Tensor]] | None:
    """The newest checkpoint in the folder of checkpoints: the steps that were done, and the state; None if there is none.

    Raises:
        TrainingError: it belongs to another run, or to another version; the message names the fields that differ.
        PolicyError: it is corrupt.
    """
    folders = _folders(folder)
    if not folders:
        return None
    file = folders[-1] / DESCRIPTION_FILE
    description = read_mapping(file)
    version = description.get("format_version")
    if version != FORMAT_VERSION:
        raise TrainingError(f"{file}: format version {version!r}, but this version of neon_control reads {FORMAT_VERSION}")
    saved = {**description["config"], "fingerprint of the samples": description["data_fingerprint"]}
    now = {**config, "fingerprint of the samples": fingerprint}
    different = [name for name in dict.fromkeys((*now, *saved)) if name not in FREE and saved.get(name) != now.get(name)]
    if different:
        raise TrainingError(
            f"{file} is of another run: "
            + ", ".join(f"its {name} is {saved.get(name)!r}, now {now.get(name)!r}" for name in different)
            + "; go on with what it had, start anew with --resume never, or give the run another --name"
        )
    state = folders[-1] / STATE_FILE
    verify_sha256(state, str(description["sha256"]), f"remove {folders[-1]} to go on from the checkpoint before it")
    return int(description["step"]), load_file(state)


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
