"""What a training run needs to know: a frozen dataclass, filled from one YAML file and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import MODES
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot import Robot
from neon_control.core.sensing.image_buffer import Clip
from neon_control.runtime.encoders.backbone import COMBINATIONS, BackboneSpec
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.preprocessing import FITS
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.policy.action_layer import BACKENDS
from neon_control.runtime.policy.policy import VISION_ENCODER
from neon_control.training.options import check_options, option

BACKBONE_KEYS = {
    "model": "a folder, or a repository of the Hugging Face hub",
    "clip": "the images of an observation, for example '{frames: 8, rate_hz: 4.0}'",
    "instruction": "a text for a model that reads",
    "audio": "whether the model hears",
    "max_pixels": "the largest area of an image",
}


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Raises:
        ConfigError: a value is of another kind or out of range.
    """

    name: str = option(MISSING, "name of the policy, of its folder, and of the run's folder")
    data: str = option(MISSING, "folder with recordings")
    robot: str = option("g1.yaml", "robot file")
    mode: str = option("arms_only", "which parts of the robot the policy moves", choices=tuple(MODES))
    out: str = option("resource/policies", "folder in which the policy's folder is made")
    cache: str = option("", "folder for the encoders' features, for recordings that are read-only; without one, beside each recording")
    runs: str = option("runs", "folder in which the run's folder is made: checkpoints, curves for TensorBoard, report.md")
    resume: str = option("auto", "auto: go on from the run's newest checkpoint; never: start anew", choices=("auto", "never"))
    seed: int = option(0, "decides everything random", 0)
    dt: float = option(0.02, "time between steps of a chunk", 1e-4, 1.0, unit="SECONDS")
    num_steps: int = option(16, "steps of a chunk", 1)
    image_fit: str = option("stretch", "how images get the encoder's aspect ratio", choices=tuple(FITS))
    cameras: Sequence[str] = option([], "which of the robot's cameras the policy looks through; without one, the first")
    combine: str = option("concatenate", "how the features of several cameras become one vector", choices=COMBINATIONS)
    backbone: Mapping[str, Any] = option({}, "a Hugging Face model to see with; without one it is EfficientNet-Lite0")
    head: Mapping[str, Any] = option({}, "the action head: its type, and options that depend on it (defaults in brackets)")
    policy: Mapping[str, Any] = option({}, "the rest of the action layer")
    backend: str = option("onnx", "what runs the action layer on the robot; torch: for a head that cannot be exported", choices=BACKENDS)
    plugins: Sequence[str] = option([], "Python modules to import first: heads and backbones of your own")
    init_from: str = option("", "a policy to start from, of the same mode or a narrower one, whose predictions are kept")
    freeze: Sequence[str] = option([], "what is not trained: groups (arms, torso, legs, base), and trunk, which all heads read")
    validation_share: float = option(0.05, "share of the episodes that is held out", 1e-4, 0.5)
    epochs: int = option(30, "passes over the data", 1)
    batch_size: int = option(256, "samples of one step, of all processes together", 1)
    learning_rate: float = option(1e-3, "the largest one, after the warm-up", 1e-9, 1.0)
    weight_decay: float = option(0.02, "of AdamW", 0.0, 10.0)
    warmup_share: float = option(0.05, "share of the steps over which the learning rate rises; then it falls as a half cosine", 0.0, 0.9)
    gradient_clip: float = option(1.0, "largest norm of the gradient", 1e-6, 1e6)
    ema_decay: float = option(0.998, "of the moving average of the weights, which becomes the policy", 0.0, 0.999999)
    camera_dropout: float = option(0.0, "share of the training samples whose camera counts as unknown", 0.0, 0.9)
    audio_dropout: float = option(0.0, "share of the training samples whose sound counts as unknown", 0.0, 0.9)
    proprioception_dropout: float = option(0.0, "share of the training samples whose joints count as unknown", 0.0, 0.9)
    mixed_precision: bool = option(True, "matrix products in bfloat16, on GPUs and on processors that have it")
    compile: bool = option(False, "compile the training step with torch.compile: minutes at first, then faster on GPUs")
    device: str = option("auto", "where to train; auto takes a GPU if there is one", choices=("auto", "cpu", "cuda"))
    threads: int = option(2, "threads of each process", 1)
    checkpoint_steps: int = option(200, "steps from one checkpoint to the next", 1)

    def __post_init__(self) -> None:
        check_options(self)
        if self.name in ("", ".", "..") or Path(self.name).name != self.name:
            raise ConfigError(f"TrainConfig.name becomes the name of folders, so it needs to be one without a path, got {self.name!r}")
        object.__setattr__(self, "cameras", tuple(self.cameras))  # YAML gives a list

    def backbone_spec(self) -> BackboneSpec:
        """The backbone to train on; of `backbone`, the field `model` is needed, and clip, instruction, audio and max_pixels may be given.

        Raises:
            ConfigError: an unknown field, or no model.
            PolicyError: there is no such model.
        """
        if not self.backbone:
            spec = BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES, self.image_fit)
            return spec.looking_at(self.cameras, self.combine)
        if "model" not in self.backbone or not set(self.backbone) <= set(BACKBONE_KEYS):
            raise ConfigError(f"TrainConfig.backbone needs 'model', and takes {sorted(BACKBONE_KEYS)}; got {sorted(self.backbone)}")
        how = dict(self.backbone)
        model = str(how.pop("model"))
        if Path(model).expanduser().is_dir():
            model = str(Path(model).expanduser().absolute())  # the policy will lie in another folder
        clip = how.get("clip", {})
        if not isinstance(clip, Mapping) or not set(clip) <= {"frames", "rate_hz"}:
            raise ConfigError(f"TrainConfig.backbone.clip needs a mapping with 'frames' and 'rate_hz', got {clip!r}")
        spec = describe_model(model, Path.cwd(), **{**how, "clip": Clip(**clip)})
        return spec.looking_at(self.cameras, self.combine)

    def cameras_of(self, robot: Robot) -> tuple[Camera, ...]:
        """The robot's cameras that the policy looks through, in its order.

        Raises:
            ConfigError: the robot has no camera of such a name; the message has both sides.
        """
        of_robot = {camera.name: camera for camera in robot.cameras}
        if not set(self.cameras) <= set(of_robot):
            raise ConfigError(f"TrainConfig.cameras are {list(self.cameras)}, but robot {robot.name} has {list(of_robot)}")
        return tuple(of_robot[name] for name in self.cameras) or robot.cameras[:1]

    def recording_of(self, robot: Robot) -> RecordingConfig:
        """The topics of the robot's recordings, with those of the cameras that the policy looks through."""
        return robot.recording.looking_through(self.cameras_of(robot) if self.cameras else ())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dictionaries."""
        return {**asdict(self), "cameras": list(self.cameras), "plugins": list(self.plugins), "freeze": list(self.freeze)}


def load_train_config(path: Path, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a YAML file; `overrides` win over it, a mapping's entry by entry. Another type of head drops the options of the file's one.

    Raises:
        ConfigError: not YAML, an unknown field, a missing one, or a value out of range; the message names the file.
    """
    values = read_mapping(path)
    known = [f.name for f in fields(TrainConfig)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"{path}: unknown fields {unknown}; known are {known}")
    for name, value in (overrides or {}).items():
        held = values.get(name)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            other_head = name == "head" and value.get("type", held.get("type")) != held.get("type")
            value = dict(value) if other_head else {**held, **value}
        if value is not None:
            values[name] = value
    missing = [f.name for f in fields(TrainConfig) if f.default is MISSING and f.default_factory is MISSING and f.name not in values]
    if missing:
        raise ConfigError(f"{path}: missing fields {missing}")
    try:
        return TrainConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
