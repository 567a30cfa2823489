"""A trained policy to its folder: exported beside the run's checkpoints, verified there, and only then put in the place of an older one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.files import create_folder_atomically
from neon_control.core.robot.action_space import ActionSpace
from neon_control.core.robot.robot import Robot
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.export.policy_export import export_policy
from neon_control.runtime.policy.likeness import TrainedKind
from neon_control.runtime.policy.policy import Policy
from neon_control.runtime.policy.policy_file import DESCRIPTION_FILE, read_policy_file
from neon_control.runtime.policy.torch_action_layer import rebuild_policy
from neon_control.training.batches import Batch
from neon_control.training.config import TrainConfig
from neon_control.training.evaluation import Result

COMPARED = 64  # validation samples
TOLERANCE = 1e-4  # of normalised actions, torch against ONNX Runtime


def target_folder(config: TrainConfig) -> Path:
    """Where the policy will be.

    Raises:
        ConfigError: something that is no policy is there, which would be replaced.
    """
    target = Path(config.out) / config.name
    if target.exists() and not (target / DESCRIPTION_FILE).is_file():
        raise ConfigError(f"{target} exists and is no policy: it has no {DESCRIPTION_FILE}; choose another --name or --out")
    return target


def deliver(
    config: TrainConfig,
    robot: Robot,
    result: Result,
    validation: Batch,
    summary: Mapping[str, Any],
    vision: BackboneSpec,
    images: Mapping[str, Sequence[TrainedKind]],
) -> Path:
    """Export, verify, and move into place; returns the policy's folder.

    Args:
        images: camera -> the kinds of its images in training.

    Raises:
        ConfigError: as of `target_folder`.
        PolicyError: it cannot be exported, or does not run as it should; an older policy of this name is then still there.
    """
    staged = Path(config.runs) / config.name / "policy" / config.name
    policy = result.policy.config
    export_policy(
        result.policy,
        staged,
        ActionSpace.from_robot(robot, config.mode),
        robot=robot.name,
        action_layer=policy.to_dict(),
        training=summary,
        dt=config.dt,
        num_steps=config.num_steps,
        use_audio=policy.use_audio,
        vision=vision,
        backend=config.backend,
        images=images,
    )
    verify(staged, robot, validation)
    target = target_folder(config)
    create_folder_atomically(target, lambda scratch: shutil.copytree(staged, scratch, dirs_exist_ok=True), replace=True)
    return target


def verify(folder: Path, robot: Robot, samples: Batch) -> None:
    """Hashes, the whole policy from image and sound to chunk, and the action layer in torch against ONNX Runtime on real features.

    Raises:
        PolicyError: what does not hold.
    """
    file = read_policy_file(folder)
    Policy.load(folder, robot)  # runs it, too
    if file.backend == "torch":
        return
    part = samples.pick(torch.linspace(0, len(samples) - 1, min(COMPARED, len(samples))).long())
    inputs = {"vision": part.vision, "audio": part.audio, "proprioception": part.joints}
    if file.noise:
        inputs["noise"] = torch.randn(part.actions.shape, generator=torch.Generator().manual_seed(0))
    if file.max_prefix:
        inputs |= {"prefix": part.actions, "prefix_length": torch.arange(len(part)) % (file.max_prefix + 1)}
    with torch.no_grad():
        expected = rebuild_policy(file)(**inputs).numpy()
    found = open_session(file.onnx_path, 1).run(None, {name: values.numpy() for name, values in inputs.items()})[0]
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE:  # NaN is refused too
        raise PolicyError(f"{file.onnx_path} and the torch module differ by {difference:g} on validation samples, allowed is {TOLERANCE:g}")
