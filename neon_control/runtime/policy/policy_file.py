"""A policy on disk: one folder, described by `policy.yaml`, every file pinned by its SHA-256.

    policy.yaml               what the policy is: encoders, mode, joints, dt, normalisation, training summary, hashes
    action_layer.onnx         the graph: inputs `vision` (B, F), `audio` (B, 384), `proprioception` (B, J); output `actions` (B, H, N).
                              A policy that draws its actions has one more input, `noise` (B, H, N), standard normal; one that
                              reads tokens has `tokens` (B, T, D) and `token_mask` (B, T), 1 for a token and 0 for padding.
                              Missing in a policy whose head cannot be exported (`backend: torch`).
    action_layer.safetensors  the weights; the ONNX graph reads them from here, so that they are stored once

Nothing in the folder is executed: no pickle, no code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.core.common.files import verify_sha256
from neon_control.core.common.paths import find_file
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import MODES, ActionSpace
from neon_control.core.robot.robot import BASE_AXES, Robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.backbone import COMBINATIONS, BackboneSpec
from neon_control.runtime.encoders.hub import download_policy, is_repository
from neon_control.runtime.encoders.preprocessing import FITS
from neon_control.runtime.policy.action_layer import BACKENDS

FORMAT_VERSION = 1
DESCRIPTION_FILE = "policy.yaml"
ONNX_FILE = "action_layer.onnx"
WEIGHTS_FILE = "action_layer.safetensors"
BACKBONE_FIELDS: Mapping[str, tuple[type, str]] = {  # optional fields of the block `vision`; an old policy has none of them
    "model": (str, "a folder, or a repository of the Hugging Face hub"),
    "clip": (dict, "a mapping with 'frames' and 'rate_hz'"),
    "instruction": (str, "a text"),
    "audio": (bool, "true or false"),
    "max_pixels": (int, "a whole number"),
    "files": (dict, "a mapping from a weight file to its SHA-256"),
    "cameras": (list, "a list of names of the robot's cameras"),
    "combine": (str, f"one of {list(COMBINATIONS)}"),
    "tokens": (int, "a whole number"),
}


@dataclass(frozen=True)
class EncoderSpec:
    """Which encoder made the features that the policy was trained on."""

    encoder: str
    revision: str
    features: int


@dataclass(frozen=True)
class PolicyFile:
    """The content of a verified `policy.yaml`."""

    folder: Path
    name: str
    robot: str  # name of the robot that it was trained for; information only
    space: ActionSpace  # joints, order and normalisation as trained
    dt: float  # [s]
    num_steps: int
    vision: BackboneSpec
    audio: EncoderSpec | None  # None: the policy does not listen
    noise: bool  # whether the action layer turns noise into a draw, and therefore takes noise
    weights: str  # how they are stored: float32, float16 or int8
    backend: str  # what runs the action layer, one of `action_layer.BACKENDS`
    action_layer: Mapping[str, Any]  # the configuration of the torch module
    training: Mapping[str, Any]  # a summary for people
    files: Mapping[str, str]  # file name -> SHA-256

    @property
    def image_fit(self) -> str:
        """How an image gets the encoder's aspect ratio, one of `preprocessing.FITS`."""
        return self.vision.fit

    @property
    def onnx_path(self) -> Path:
        """The graph of the action layer."""
        return self.folder / ONNX_FILE


def find_policy(name: str | Path) -> Path:
    """The folder of a policy: an existing path, the name of a policy shipped in `resource/policies/`, or a Hugging Face repository.

    Raises:
        PolicyError: there is no such folder or repository.
    """
    try:
        folder = find_file(name, "resource/policies")
    except ConfigError as error:
        if not is_repository(str(name)):
            raise PolicyError(f"no such policy: {error}") from error
        folder = download_policy(str(name))
    if not (folder / DESCRIPTION_FILE).is_file():
        raise PolicyError(f"{folder} is not a policy: it has no {DESCRIPTION_FILE}")
    return folder


def read_policy_file(name: str | Path) -> PolicyFile:
    """Read and verify a policy folder: format version, fields, and the hash of every file.

    Raises:
        PolicyError: the message names the file and says what was found and what was needed.
    """
    folder = find_policy(name)
    path = folder / DESCRIPTION_FILE
    try:
        data = read_mapping(path)
    except ConfigError as error:
        raise PolicyError(str(error)) from error
    if data.get("format_version") != FORMAT_VERSION:
        raise PolicyError(f"{path}: format version {data.get('format_version')!r}, but this version of neon_control reads {FORMAT_VERSION}")
    reader = _Reader(path, data)
    files = reader.mapping("files")
    backend = str(data.get("backend", BACKENDS[0]))
    if backend not in BACKENDS:
        raise PolicyError(f"{path}: field 'backend' is '{backend}', must be one of {list(BACKENDS)}")
    for needed in (ONNX_FILE, WEIGHTS_FILE) if backend == "onnx" else (WEIGHTS_FILE,):
        if needed not in files:
            raise PolicyError(f"{path}: field 'files' has no hash of {needed}; it has {sorted(files)}")
    for file, digest in files.items():
        if Path(str(file)).name != file:
            raise PolicyError(f"{path}: field 'files' names '{file}'; a policy's files lie in its own folder")
        verify_sha256(folder / file, str(digest), f"it does not belong to {path}; get the whole policy folder again")
    return PolicyFile(
        folder=folder,
        name=reader.text("name"),
        robot=reader.text("robot"),
        space=_read_space(reader),
        dt=reader.number("dt", positive=True),
        num_steps=reader.count("num_steps"),
        vision=_read_backbone(_Reader(path, reader.mapping("vision"), "vision.")),
        audio=reader.encoder("audio") if data.get("audio") is not None else None,
        noise=reader.flag("noise", default=False),
        weights=reader.text("weights"),
        backend=backend,
        action_layer=reader.mapping("action_layer"),
        training=reader.mapping("training"),
        files={str(k): str(v) for k, v in files.items()},
    )


def check_robot(policy: PolicyFile, robot: Robot) -> None:
    """Refuse a policy that commands or looks through what the robot does not have.

    Raises:
        PolicyError: joints, the base or cameras are missing; the message has both sides.
    """
    missing = [n for n in policy.space.joint_names if n not in robot.joints]
    if missing:
        raise PolicyError(
            f"policy {policy.name} (trained for {policy.robot}) commands joints that robot {robot.name} does not have: {missing}; "
            f"the robot has {sorted(robot.joints)}"
        )
    if policy.space.dim > policy.space.num_joints and robot.base is None:
        raise PolicyError(f"policy {policy.name} drives a mobile base, but robot {robot.name} has none")
    cameras = [c.name for c in robot.cameras]
    if not set(policy.vision.cameras) <= set(cameras):
        raise PolicyError(
            f"policy {policy.name} (trained for {policy.robot}) looks through the cameras {list(policy.vision.cameras)}, "
            f"but robot {robot.name} has {cameras}; its robot file lists them in the section 'cameras'"
        )


def graph_inputs(space: ActionSpace, num_steps: int, vision: BackboneSpec, audio: int, noise: bool) -> dict[str, tuple[int, ...]]:
    """The inputs of an action layer's graph, in order, and their shapes without the batch.

    Args:
        audio: features of the audio encoder; the graph has this input also where the policy does not listen.
        noise: whether the policy draws its actions.
    """
    shapes: dict[str, tuple[int, ...]] = {"vision": (vision.features,), "audio": (audio,), "proprioception": (space.num_joints,)}
    if noise:
        shapes["noise"] = (num_steps, space.dim)
    if vision.tokens:
        shapes |= {"tokens": (vision.tokens, vision.of_one_camera().features), "token_mask": (vision.tokens,)}
    return shapes


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


def _read_space(reader: _Reader) -> ActionSpace:
    mode = reader.text("mode")
    if mode not in MODES:
        raise PolicyError(f"{reader.path}: mode '{mode}' is unknown; the modes are {list(MODES)}")
    names = reader.data.get("joint_names")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise PolicyError(f"{reader.path}: joint_names must be a list of different names, got {names!r}")
    normalisation = reader.mapping("normalisation")
    try:
        lower, upper = (np.array(normalisation[key], dtype=np.float64) for key in ("lower", "upper"))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{reader.path}: normalisation needs lists of numbers 'lower' and 'upper': {error!r}") from error
    sizes = (len(names), len(names) + len(BASE_AXES))
    if lower.shape != upper.shape or lower.shape not in ((sizes[0],), (sizes[1],)):
        raise PolicyError(
            f"{reader.path}: normalisation has {lower.size} lower and {upper.size} upper values, "
            f"but {len(names)} joints need {sizes[0]} of each, or {sizes[1]} with the base"
        )
    if not (np.isfinite(lower).all() and np.isfinite(upper).all() and (lower < upper).all()):
        raise PolicyError(f"{reader.path}: normalisation needs finite lower < upper")
    return ActionSpace(mode, tuple(names), {}, lower, upper)


def _read_backbone(reader: _Reader) -> BackboneSpec:
    fit = reader.data.get("fit", "stretch")
    if not isinstance(fit, str) or fit not in FITS:
        raise PolicyError(f"{reader.path}: field 'vision.fit' is {fit!r}, must be one of {list(FITS)}")
    given = {key: reader.get(key, kind, needs) for key, (kind, needs) in BACKBONE_FIELDS.items() if key in reader.data}
    clip = given.pop("clip", {})
    unknown = sorted(set(clip) - {"frames", "rate_hz"})
    if unknown:
        raise PolicyError(f"{reader.path}: field 'vision.clip' has {unknown}, it takes 'frames' and 'rate_hz'")
    try:
        parsed = Clip(**clip)
    except ConfigError as error:
        raise PolicyError(f"{reader.path}: field 'vision.{error}") from error
    cameras = given.pop("cameras", [])
    if not all(isinstance(name, str) for name in cameras):
        raise PolicyError(f"{reader.path}: field 'vision.cameras' must be a list of names of the robot's cameras, got {cameras!r}")
    try:
        return BackboneSpec(
            encoder=reader.text("encoder"),
            revision=reader.text("revision"),
            features=reader.count("features"),
            fit=fit,
            clip=parsed,
            cameras=tuple(cameras),
            **given,
        )
    except ConfigError as error:
        raise PolicyError(f"{reader.path}: field 'vision.{error}") from error


@dataclass(frozen=True)
class _Reader:
    """Typed access to the fields of one YAML mapping; errors name the file and the field."""

    path: Path
    data: Mapping[str, Any]
    prefix: str = ""  # of the fields' names, in errors

    def get(self, key: str, kind: type, needs: str) -> Any:
        value = self.data.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise PolicyError(f"{self.path}: field '{self.prefix}{key}' must be {needs}, got {value!r}")
        return value

    def text(self, key: str) -> str:
        return str(self.get(key, str, "a text"))

    def mapping(self, key: str) -> Mapping[str, Any]:
        value: Mapping[str, Any] = self.get(key, dict, "a mapping")
        return value

    def number(self, key: str, positive: bool = False) -> float:
        value = float(self.get(key, (int, float), "a number"))  # type: ignore[arg-type]
        if not math.isfinite(value) or (positive and value <= 0.0):
            raise PolicyError(f"{self.path}: field '{key}' must be finite{' and > 0' if positive else ''}, got {value}")
        return value

    def count(self, key: str) -> int:
        value = int(self.get(key, int, "a whole number"))
        if value < 1:
            raise PolicyError(f"{self.path}: field '{self.prefix}{key}' must be 1 or more, got {value}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise PolicyError(f"{self.path}: field '{key}' must be true or false, got {value!r}")
        return value

    def encoder(self, key: str) -> EncoderSpec:
        inner = _Reader(self.path, self.mapping(key), f"{key}.")
        return EncoderSpec(inner.text("encoder"), inner.text("revision"), inner.count("features"))
