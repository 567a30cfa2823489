"""A policy that runs: encoders and action layer, from one observation to one chunk."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from neon_control.core.common.errors import ChunkError, ObservationError, PolicyError
from neon_control.core.control.chunk import ActionChunk
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.observation import Observation
from neon_control.runtime.compute.device_arrays import Array
from neon_control.runtime.compute.sessions import open_session
from neon_control.runtime.encoders.backbone import Backbone, BackboneOptions
from neon_control.runtime.encoders.encoding import encode_observations
from neon_control.runtime.encoders.hearing import AUDIO_FEATURES, WINDOW_SAMPLES, AudioEncoder, audio_revision
from neon_control.runtime.encoders.registry import load_backbone
from neon_control.runtime.policy.action_layer import ActionLayer, OnnxActionLayer
from neon_control.runtime.policy.policy_file import EncoderSpec, PolicyFile, check_robot, graph_inputs, graph_metadata, read_policy_file

VISION_ENCODER = "efficientnet_lite0"
AUDIO_ENCODER = "whisper"
WARM_UP_RUNS = 3
NOISE_SEED = 0


@dataclass(frozen=True)
class Features:
    """What the encoders made of one observation. It never changes, and what a GPU computed is still there: see `device_arrays.py`."""

    stamp: int  # [ns] time of the image
    vision: Array  # (F,) float32, 2048 for efficientnet_lite0 and one camera
    audio: np.ndarray  # (384,) float32, zeros for a policy that does not listen
    tokens: Array | None = None  # (T, D) float32, for a policy that reads them
    token_mask: Array | None = None  # (T,) float32, 1 for a token and 0 for padding


class Policy:
    """Encoders and action layer of one policy. Use `Policy.load`.

    Attributes:
        file: what `policy.yaml` says.
        noise: (1, H, N) what a policy that draws its actions starts from, None for others. It is drawn once, from NOISE_SEED, and kept:
            equal observations then give equal chunks, and of two right actions consecutive chunks choose the same one, which the
            temporal ensemble needs, since the mean of the two may be wrong. Assign another array to get another draw.
        last_ms: [ms] how long each part of the newest prediction took: `vision`, `audio`, `action_layer`.
    """

    def __init__(self, file: PolicyFile, vision: Backbone, audio: AudioEncoder | None, action_layer: ActionLayer) -> None:
        self.file = file
        self._acting = threading.Lock()
        self._given: Features | None = None  # those that the action layer has, and likewise the noise
        self._given_noise: np.ndarray | None = None
        self._given_length: int | None = None  # of the prefix
        self.noise = draw_noise(file)
        self.last_ms: dict[str, float] = {}
        self._vision = vision
        self._audio = audio
        self._action_layer = action_layer

    @classmethod
    def load(cls, name: str | Path, robot: Robot, options: BackboneOptions | None = None) -> Policy:
        """Load and verify a policy folder, and run it a few times so that the first real prediction is as fast as the later ones.

        Args:
            name: a folder, or the name of a shipped policy.
            robot: the robot that the policy has to fit.
            options: how to run encoders and action layer here; by default on one thread, or on a GPU where there is one.

        Raises:
            PolicyError: a hash, the format, the joints, an encoder or a shape is not as needed; the message has both sides.
        """
        options = options or BackboneOptions()
        file = read_policy_file(name)
        check_robot(file, robot)
        file = replace(file, space=file.space.turning_as(robot))
        ear = EncoderSpec(AUDIO_ENCODER, audio_revision(), AUDIO_FEATURES)
        if file.audio not in (None, ear):
            raise PolicyError(f"policy {file.name} was trained with the audio encoder {file.audio}; this installation has {ear}")
        try:
            backbone = load_backbone(file.vision, file.folder, options)
        except PolicyError as error:
            raise PolicyError(f"policy {file.name}: {error}") from error
        policy = cls(file, backbone, AudioEncoder(options.threads) if file.audio else None, _load_action_layer(file, options))
        policy.warm_up()
        return policy

    @property
    def max_prefix(self) -> int:
        """D, the most committed steps that a chunk can go on from; 0 for a policy that takes none."""
        return self.file.num_steps - 1 if self.file.forward_only else self.file.max_prefix

    @property
    def uses_audio(self) -> bool:
        """Whether the policy listens, by an ear of its own or by its backbone's."""
        return self._audio is not None or self._vision.hears

    @property
    def reads(self) -> bool:
        """Whether the policy reads what it is told."""
        return self.file.vision.tasks

    @property
    def needs_instruction(self) -> bool:
        """Whether it has nothing to read where it is told nothing."""
        return self.reads and not self.file.vision.instruction

    def warm_up(self) -> None:
        """Run on a blank observation: the first runs allocate memory and are several times slower."""
        joints, sound = np.zeros(self.file.space.num_joints), np.zeros(WINDOW_SAMPLES, np.float32)
        blank = self.still(0, np.zeros((480, 640, 3), np.uint8), joints, sound)
        for _ in range(WARM_UP_RUNS):
            try:
                self.predict(blank)
            except ObservationError:  # an image of this size gives more tokens than the policy reads; those of the robot may be smaller
                return

    def still(self, stamp: int, image: np.ndarray, joint_positions: np.ndarray, audio: np.ndarray) -> Observation:
        """An observation in which all cameras show the same image all the time: to warm up, to measure."""
        frames = (image,) * self._vision.clip.frames
        return Observation.of_clips(stamp, dict.fromkeys(self.file.vision.cameras or ("",), frames), joint_positions, audio)

    def predict(self, observation: Observation, prefix: np.ndarray | None = None) -> ActionChunk:
        """One observation to one chunk, stamped with the observation's time; raises as `act`."""
        return self.act(self.encode(observation), observation.joint_positions, observation.stamp, prefix)

    def encode(self, observation: Observation) -> Features:
        """The slow half: images and sound to features."""
        start = time.perf_counter()
        encoded = encode_observations(self._vision, self.file.vision, [observation])
        seen = time.perf_counter()
        audio = np.zeros(AUDIO_FEATURES, np.float32) if self._audio is None else self._audio.encode(observation.audio)
        self.last_ms["vision"] = 1e3 * (seen - start)
        self.last_ms["audio"] = 1e3 * (time.perf_counter() - seen)
        vision = encoded.features.reshape(-1)
        if encoded.tokens is None or encoded.mask is None:
            return Features(observation.stamp, vision, audio)
        return Features(observation.stamp, vision, audio, encoded.tokens.reshape(*encoded.tokens.shape[1:]), encoded.mask.reshape(-1))

    def act(
        self,
        features: Features,
        joint_positions: np.ndarray,
        stamp: int,
        prefix: np.ndarray | None = None,
        further: np.ndarray | None = None,
    ) -> ActionChunk:
        """The fast half: features and joint positions (J,) [rad] to a chunk that starts at `stamp` [ns].

        Args:
            prefix: (d, N) the committed steps, d from 0 to `max_prefix`: row i is what will be commanded at `stamp` + i * dt, in the units
                and the order of the policy's action space. They are the first d steps of the chunk, and the rest goes on from them.
            further: (e, N) what is under way after them but can still change; only a policy that is `forward_only` looks at it.

        Raises:
            ChunkError: the action layer produced NaN or infinity, or the prefix is not one that the policy can go on from.
        """
        start = time.perf_counter()
        space = self.file.space
        positions = space.normalise_joints(joint_positions).astype(np.float32)[None]
        rows = self._checked(prefix)
        known = rows if further is None else self._continued(rows, further)
        with self._acting:
            inputs: dict[str, Array] = {"proprioception": positions}
            given_length = len(rows)
            if self.max_prefix and (given_length or self._given_length != 0):
                inputs |= self._as_inputs(rows, known)
                self._given_length = None
            noise = self.noise
            if noise is not None and noise is not self._given_noise:
                inputs["noise"] = noise
            if features is not self._given:  # at two rates, many chunks are made of the same features, which go to the device once
                inputs |= self._read(features)
                self._given = None  # until the layer has them all
            normalised = self._action_layer.run(inputs)[0]  # (H, N)
            self._given, self._given_noise, self._given_length = features, noise, given_length
        values = space.denormalise(normalised.astype(np.float64))
        self.last_ms["action_layer"] = 1e3 * (time.perf_counter() - start)
        return ActionChunk(stamp, self.file.dt, space.names, values)

    def _checked(self, prefix: np.ndarray | None) -> np.ndarray:
        """The prefix (d, N); (0, N) for none."""
        rows = np.zeros((0, self.file.space.dim)) if prefix is None else np.asarray(prefix, float)
        if rows.shape != (len(rows), self.file.space.dim) or len(rows) > self.max_prefix or not np.isfinite(rows).all():
            raise ChunkError(
                "prefix",
                f"policy {self.file.name} was given a prefix of shape {rows.shape}, "
                f"needs finite values of ({self.max_prefix} or fewer steps, {self.file.space.dim})",
            )
        return rows

    def _continued(self, rows: np.ndarray, further: np.ndarray) -> np.ndarray:
        """The prefix (d, N) and what is under way after it, as far as a chunk reaches: (m, N)."""
        if not (self.file.forward_only and len(rows) and len(further)):
            return rows
        after = np.asarray(further, float)[: self.file.num_steps - len(rows)]
        if after.shape[1:] != rows.shape[1:] or not np.isfinite(after).all():
            needs = f"finite values of (any number of steps, {self.file.space.dim})"
            raise ChunkError("prefix", f"policy {self.file.name} was given further steps of shape {after.shape}, needs {needs}")
        return np.concatenate([rows, after])

    def _as_inputs(self, rows: np.ndarray, known: np.ndarray) -> dict[str, Array]:
        """The prefix (d, N), and what is known with what follows it (m, N), as the action layer takes it."""
        lengths = {"prefix_length": len(rows), **({"known_length": len(known)} if self.file.forward_only else {})}
        told = known if self.file.forward_only else rows
        prefix = np.zeros((1, self.file.num_steps, self.file.space.dim), np.float32)
        prefix[0, : len(told)] = self.file.space.normalise(told)
        return {"prefix": prefix, **{name: np.array([length], np.int64) for name, length in lengths.items()}}

    def _read(self, features: Features) -> dict[str, Array]:
        """What the action layer reads of features, with a batch of 1."""
        names = ("vision", "audio", "tokens", "token_mask") if self.file.vision.tokens else ("vision", "audio")
        arrays = {name: getattr(features, name) for name in names}
        missing = [name for name, values in arrays.items() if values is None]
        if missing:
            raise PolicyError(f"policy {self.file.name} reads {self.file.vision.tokens} tokens, but the features have no {missing}")
        return {name: values.reshape(1, *values.shape) for name, values in arrays.items()}


def draw_noise(file: PolicyFile, seed: int = NOISE_SEED) -> np.ndarray | None:
    """Standard normal noise (1, H, N) for one draw of the action layer; None where it takes none."""
    shape = (1, file.num_steps, file.space.dim)
    return np.random.default_rng(seed).standard_normal(shape, np.float32) if file.noise else None


def _load_action_layer(file: PolicyFile, options: BackboneOptions) -> ActionLayer:
    if file.backend == "onnx":
        session = open_session(file.onnx_path, options.threads, options.provider)
        _check_graph(file, session)
        layer = OnnxActionLayer(session)
        try:
            layer.try_out()
        except PolicyError as error:
            raise PolicyError(f"{file.onnx_path}: {error}") from error
        return layer
    try:
        from neon_control.runtime.compute.torch_device import torch_device
        from neon_control.runtime.policy.torch_action_layer import TorchActionLayer, rebuild_policy
    except ImportError as error:
        raise PolicyError(f"policy {file.name} runs its action layer in torch (`backend: torch`), which is missing: {error}") from error
    return TorchActionLayer(rebuild_policy(file), torch_device(options.device), options.threads)


def _check_graph(file: PolicyFile, session: onnxruntime.InferenceSession) -> None:
    """The graph's own shapes and metadata must agree with `policy.yaml`: either may have been copied from elsewhere."""
    space = file.space
    audio = file.audio.features if file.audio else AUDIO_FEATURES
    needed = graph_inputs(space, file.num_steps, file.vision, audio, file.noise, file.max_prefix, file.forward_only)
    needed["actions"] = (file.num_steps, space.dim)
    found = {v.name: tuple(v.shape[1:]) for v in (*session.get_inputs(), *session.get_outputs())}
    if found != needed:
        raise PolicyError(f"{file.onnx_path}: inputs and outputs are {found} (without the batch), policy.yaml needs {needed}")
    described = graph_metadata(space, file.dt, file.num_steps)
    # ONNX Runtime's tools add metadata of their own, which is no JSON.
    try:
        metadata = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items() if k in described}
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{file.onnx_path}: its metadata is no JSON: {error}") from error
    for key, value in described.items():
        if metadata.get(key) != value:
            raise PolicyError(f"{file.onnx_path}: metadata '{key}' is {metadata.get(key)!r}, policy.yaml says {value!r}")
