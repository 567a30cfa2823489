"""A policy on disk: one folder, described by `policy.yaml`, every file pinned by its SHA-256.

    policy.yaml               what the policy is: encoders, mode, joints, dt, normalisation, training summary, hashes
    action_layer.onnx         the graph: inputs `vision` (B, F), `audio` (B, 384), `proprioception` (B, J); output `actions` (B, H, N).
                              A policy that draws its actions has one more input, `noise` (B, H, N), standard normal; one that
                              reads tokens has `tokens` (B, T, D) and `token_mask` (B, T), 1 for a token and 0 for padding; one
                              that goes on from committed steps has `prefix` (B, H, N) and `prefix_length` (B,), whole numbers; one
                              that only starts from them has `known_length` (B,), too.
                              Missing in a policy whose head cannot be exported (`backend: torch`).
    action_layer.safetensors  the weights; the ONNX graph reads them from here, so that they are stored once

Nothing in the folder is executed: no pickle, no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.fields import Place, load, setting
from neon_control.core.common.files import verify_sha256
from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.robot.view import PLAIN, in_words
from neon_control.runtime.encoders.backbone import BackboneSpec
from neon_control.runtime.encoders.hub import download, is_repository
from neon_control.runtime.policy.action_layer import BACKENDS
from neon_control.runtime.policy.likeness import TrainedKind

FORMAT_VERSION = 1
SHIPPED = "resource/policies"  # below the package's share folder
DESCRIPTION_FILE = "policy.yaml"
ONNX_FILE = "action_layer.onnx"
WEIGHTS_FILE = "action_layer.safetensors"


@dataclass(frozen=True)
class EncoderSpec:
    """Which encoder made the features that the policy was trained on."""

    FURTHER_FIELDS: ClassVar[bool] = True

    encoder: str
    revision: str
    features: int = setting(minimum=1)

    def __str__(self) -> str:
        return f"{self.encoder}, revision {self.revision}, {self.features} features"


@dataclass(frozen=True)
class PolicyFile:
    """The content of a verified `policy.yaml`."""

    FURTHER_FIELDS: ClassVar[bool] = True  # those of `_SpaceFields`, and of a later version

    folder: Path
    space: ActionSpace  # joints, order and normalisation as trained
    name: str
    robot: str  # name of the robot that it was trained for; information only
    dt: float = setting(above=0.0)  # [s]
    num_steps: int = setting(minimum=1)
    vision: BackboneSpec = setting()
    weights: str = setting()  # how they are stored: float32, float16 or int8
    action_layer: Mapping[str, Any] = setting()  # the configuration of the torch module
    training: Mapping[str, Any] = setting()  # a summary for people
    files: Mapping[str, str] = setting(scalar=True)  # file name -> SHA-256
    audio: EncoderSpec | None = setting(None, null=True)  # None: the policy does not listen
    noise: bool = False  # whether the action layer turns noise into a draw, and therefore takes noise
    max_prefix: int = setting(0, minimum=0)  # D, the most committed steps that it goes on from; 0: it takes none
    forward_only: bool = False  # whether its draws start from what is under way, although it was trained without; `max_prefix` is 0 then
    backend: str = setting(BACKENDS[0], choices=BACKENDS)  # what runs the action layer
    images: Mapping[str, tuple[TrainedKind, ...]] = setting({})  # camera -> how its images came in training; empty: not known

    @property
    def onnx_path(self) -> Path:
        return self.folder / ONNX_FILE


def find_policy(name: str | Path) -> Path:
    """The folder of a policy: an existing path, the name of a policy shipped in `resource/policies/`, or a Hugging Face repository.

    Raises:
        PolicyError: there is no such folder or repository.
    """
    folder = find_local_policy(name)
    return download("policy", str(name)) if folder is None else folder


def find_local_policy(name: str | Path) -> Path | None:
    """As `find_policy`, but None for a repository, which would have to be asked for."""
    try:
        return find_file(name, SHIPPED)
    except ConfigError as error:
        if not is_repository(str(name)):
            raise PolicyError(f"no such policy: {error}") from error
        return None


def read_policy_file(name: str | Path) -> PolicyFile:
    """Read and verify a policy folder: format version, fields, and the hash of every file.

    Raises:
        PolicyError: the message names the file and says what was found and what was needed.
    """
    policy = read_description(find_policy(name))
    for file, digest in policy.files.items():
        verify_sha256(
            policy.folder / file, digest, f"it does not belong to {policy.folder / DESCRIPTION_FILE}; get the whole policy folder again"
        )
    return policy


def read_description(folder: Path) -> PolicyFile:
    """What a policy folder says of itself, which takes a few milliseconds; its files are not looked at. Raises as `read_policy_file`."""
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise PolicyError(f"{folder} is not a policy: it has no {DESCRIPTION_FILE}")
    try:
        data = read_mapping(path)
    except ConfigError as error:
        raise PolicyError(str(error)) from error
    if data.get("format_version") != FORMAT_VERSION:
        raise PolicyError(f"{path}: format version {data.get('format_version')!r}, but this version of neon_control reads {FORMAT_VERSION}")
    place = Place(path, error=PolicyError)
    policy = load(PolicyFile, data, place, folder=folder, space=_space(load(_SpaceFields, data, place), path))
    for needed in (ONNX_FILE, WEIGHTS_FILE) if policy.backend == "onnx" else (WEIGHTS_FILE,):
        if needed not in policy.files:
            raise PolicyError(f"{path}: field 'files' has no hash of {needed}; it has {sorted(policy.files)}")
    if policy.max_prefix >= policy.num_steps:
        raise PolicyError(f"{path}: field 'max_prefix' is {policy.max_prefix}, needs fewer steps than the chunk's {policy.num_steps}")
    if policy.forward_only and (policy.max_prefix or not policy.noise or policy.num_steps < 2):
        given = f"max_prefix {policy.max_prefix}, noise {policy.noise} and num_steps {policy.num_steps}"
        raise PolicyError(f"{path}: field 'forward_only' is for a policy that draws and was trained without a prefix, but it has {given}")
    for file in policy.files:
        if Path(file).name != file:
            raise PolicyError(f"{path}: field 'files' names '{file}'; a policy's files lie in its own folder")
    return policy


def check_robot(policy: PolicyFile, robot: Robot) -> None:
    """Refuse a policy that commands or looks through what the robot does not have, or that saw its cameras' pictures another way up.

    Raises:
        PolicyError: joints, the base or cameras are missing, or a camera's view is another; the message has both sides.
    """
    missing = [n for n in policy.space.joint_names if n not in robot.joints]
    if missing:
        raise PolicyError(
            f"policy {policy.name} (trained for {policy.robot}) commands joints that robot {robot.name} does not have: {missing}; "
            f"the robot has {sorted(robot.joints)}"
        )
    if policy.space.dim > policy.space.num_joints and robot.base is None:
        raise PolicyError(f"policy {policy.name} drives a mobile base, but robot {robot.name} has none")
    cameras = {c.name: c for c in robot.cameras}
    if not set(policy.vision.cameras) <= set(cameras):
        raise PolicyError(
            f"policy {policy.name} (trained for {policy.robot}) looks through the cameras {list(policy.vision.cameras)}, "
            f"but robot {robot.name} has {list(cameras)}; its robot file lists them in the section 'cameras'"
        )

    used = [cameras[name] for name in policy.vision.cameras] or list(robot.cameras[:1])
    for camera, trained in zip(used, policy.vision.views or [PLAIN] * len(used), strict=True):
        if camera.view != trained:
            raise PolicyError(
                f"policy {policy.name} (trained for {policy.robot}) saw the pictures of camera {camera.name} {in_words(trained)}, "
                f"but the file of robot {robot.name} says {in_words(camera.view)} (crop, rotate and flip in the section 'cameras'); "
                f"if that makes the same picture of a camera that is mounted another way, say so in the policy's {DESCRIPTION_FILE}, "
                "field 'vision.views'"
            )


def graph_inputs(
    space: ActionSpace, num_steps: int, vision: BackboneSpec, audio: int, noise: bool, max_prefix: int = 0, forward_only: bool = False
) -> dict[str, tuple[int, ...]]:
    """The inputs of an action layer's graph, in order, and their shapes without the batch.

    Args:
        audio: features of the audio encoder; the graph has this input also where the policy does not listen.
        noise: whether the policy draws its actions.
        max_prefix: D of the policy; where it is 0, the graph takes no prefix.
        forward_only: whether it takes one to start from.
    """
    shapes: dict[str, tuple[int, ...]] = {"vision": (vision.features,), "audio": (audio,), "proprioception": (space.num_joints,)}
    if noise:
        shapes["noise"] = (num_steps, space.dim)
    if vision.tokens:
        shapes |= {"tokens": (vision.tokens, vision.of_one_camera().features), "token_mask": (vision.tokens,)}
    if max_prefix or forward_only:
        shapes |= {"prefix": (num_steps, space.dim), "prefix_length": ()}
    if forward_only:
        shapes["known_length"] = ()
    return shapes


def input_type(name: str) -> np.dtype[Any]:
    """Of an action layer's input: whole numbers count, all others are float32."""
    return np.dtype(np.int64 if name in ("prefix_length", "known_length") else np.float32)


def graph_metadata(space: ActionSpace, dt: float, num_steps: int) -> dict[str, Any]:
    """What an action layer's ONNX file says about itself, so that it stays usable when it is found alone."""
    return {
        "format_version": FORMAT_VERSION,
        "mode": space.mode,
        "joint_names": list(space.joint_names),
        "lower": space.lower.tolist(),
        "upper": space.upper.tolist(),
        "dt": dt,
        "num_steps": num_steps,
    }


@dataclass(frozen=True)
class _Normalisation:
    FURTHER_FIELDS: ClassVar[bool] = True

    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class _SpaceFields:
    FURTHER_FIELDS: ClassVar[bool] = True

    mode: str = setting(choices=tuple(MODES))
    joint_names: tuple[str, ...] = setting(filled=True)
    normalisation: _Normalisation = setting()


def _space(given: _SpaceFields, path: Path) -> ActionSpace:
    names, lower, upper = given.joint_names, given.normalisation.lower, given.normalisation.upper
    if len(set(names)) != len(names):
        raise PolicyError(f"{path}: joint_names must be a list of different names, got {list(names)}")
    sizes = (len(names), len(names) + len(BASE_AXES))
    if lower.shape != upper.shape or lower.size not in sizes:
        raise PolicyError(
            f"{path}: normalisation has {lower.size} lower and {upper.size} upper values, "
            f"but {len(names)} joints need {sizes[0]} of each, or {sizes[1]} with the base"
        )
    if not (lower < upper).all():
        raise PolicyError(f"{path}: normalisation needs lower < upper, got {lower.tolist()} and {upper.tolist()}")
    return ActionSpace(given.mode, names, {}, lower, upper)
