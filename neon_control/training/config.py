"""What a training run needs to know: a frozen dataclass, filled from one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from neon_control.core.cameras import Camera
from neon_control.core.errors import ConfigError
from neon_control.core.observation import Clip
from neon_control.core.recording import RecordingConfig
from neon_control.core.robot import Robot
from neon_control.core.yaml_file import read_mapping
from neon_control.runtime.backbones.backbone import COMBINATIONS, BackboneSpec
from neon_control.runtime.backbones.model_folder import describe_model
from neon_control.runtime.policy import VISION_ENCODER
from neon_control.runtime.preprocessing import FITS
from neon_control.runtime.vision import VISION_FEATURES, vision_revision


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Raises:
        ConfigError: a number is out of range.
    """

    name: str  # of the policy, and of its folder
    data: str  # folder with recordings
    robot: str = "g1.yaml"
    mode: str = "arms_only"
    out: str = "resource/policies"  # the policy's folder is made in here
    cache: str = ""  # folder for the encoders' features, for recordings that are read-only; empty: beside each recording
    seed: int = 0
    dt: float = 0.02  # [s] between steps of a chunk
    image_fit: str = "stretch"  # how images get the encoder's aspect ratio, one of runtime.preprocessing.FITS
    cameras: tuple[str, ...] = ()  # which of the robot's cameras the policy looks through; empty: the first one
    combine: str = "concatenate"  # or average: how their features become one vector
    backbone: Mapping[str, Any] = field(default_factory=dict)  # a Hugging Face model: see `backbone_spec`; empty: EfficientNet-Lite0
    validation_share: float = 0.05  # of the recordings, whole ones
    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup_share: float = 0.05  # of all steps
    gradient_clip: float = 1.0
    ema_decay: float = 0.998
    mixed_precision: bool = True  # matrix products in bfloat16 where the processor has it, everything else in float32
    threads: int = 2
    policy: Mapping[str, Any] = field(default_factory=dict)  # fields of model.policy.PolicyConfig

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "threads"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigError(f"TrainConfig.{name} must be a whole number >= 1, got {getattr(self, name)!r}")
        for name, low, high in (
            ("dt", 1e-4, 1.0),
            ("validation_share", 1e-4, 0.5),
            ("learning_rate", 1e-9, 1.0),
            ("weight_decay", 0.0, 10.0),
            ("warmup_share", 0.0, 0.9),
            ("gradient_clip", 1e-6, 1e6),
            ("ema_decay", 0.0, 0.999999),
        ):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value <= high:
                raise ConfigError(f"TrainConfig.{name} must be a number from {low} to {high}, got {value!r}")

        if not isinstance(self.cameras, (list, tuple)) or not all(isinstance(name, str) for name in self.cameras):
            raise ConfigError(f"TrainConfig.cameras must be a list of names of the robot's cameras, got {self.cameras!r}")
        object.__setattr__(self, "cameras", tuple(self.cameras))  # YAML gives a list
        if self.combine not in COMBINATIONS:
            raise ConfigError(f"TrainConfig.combine must be one of {list(COMBINATIONS)}, got {self.combine!r}")
        if self.image_fit not in FITS:
            raise ConfigError(f"TrainConfig.image_fit must be one of {list(FITS)}, got {self.image_fit!r}")

    @property
    def num_steps(self) -> int:
        """Actions in a chunk."""
        return int(self.policy.get("head", {}).get("num_action_steps", 16))

    def backbone_spec(self) -> BackboneSpec:
        """The backbone to train on; of `backbone`, the field `model` is needed, and clip, instruction, audio and max_pixels may be given.

        Raises:
            ConfigError: an unknown field, or no model.
            PolicyError: there is no such model.
        """
        if not self.backbone:
            spec = BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES, self.image_fit)
            return spec.looking_at(self.cameras, self.combine)
        known = {"model", "clip", "instruction", "audio", "max_pixels"}
        if "model" not in self.backbone or not set(self.backbone) <= known:
            raise ConfigError(f"TrainConfig.backbone needs 'model', and takes {sorted(known)}; got {sorted(self.backbone)}")
        how = dict(self.backbone)
        model = str(how.pop("model"))
        if Path(model).expanduser().is_dir():
            model = str(Path(model).expanduser().absolute())  # the policy will lie in another folder
        spec = describe_model(model, Path.cwd(), **{**how, "clip": Clip(**how.get("clip", {}))})
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
        """Plain numbers, strings and dictionaries."""
        return asdict(self)


def load_train_config(path: Path, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a YAML file; `overrides` win over it.

    Raises:
        ConfigError: not YAML, an unknown field, a missing one, or a value out of range; the message names the file.
    """
    data = read_mapping(path)
    known = [f.name for f in fields(TrainConfig)]
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ConfigError(f"{path}: unknown fields {unknown}; known are {known}")
    values = {**data, **{k: v for k, v in (overrides or {}).items() if v is not None}}
    missing = [f.name for f in fields(TrainConfig) if f.default is MISSING and f.default_factory is MISSING and f.name not in values]
    if missing:
        raise ConfigError(f"{path}: missing fields {missing}")
    try:
        return TrainConfig(**values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
