"""What a training run needs to know: a frozen dataclass, filled from one YAML file and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.fields import Place, check_fields, default_of, load, load_fields, rules_of, setting
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.robot.action_space import MODES
from neon_control.core.robot.camera import Camera
from neon_control.core.robot.recording_names import RecordingConfig
from neon_control.core.robot.robot import Robot
from neon_control.runtime.encoders.backbone import COMBINATIONS, BackboneSpec
from neon_control.runtime.encoders.model_folder import describe_model
from neon_control.runtime.encoders.preprocessing import FITS
from neon_control.runtime.encoders.vision import VISION_FEATURES, vision_revision
from neon_control.runtime.policy.action_layer import BACKENDS
from neon_control.runtime.policy.policy import VISION_ENCODER
from neon_control.training.augmentation import Augment

AUGMENT_KEYS = {f.name: rules_of(f).text + f" (default: {default_of(f)})" for f in fields(Augment)}
INTERVENTIONS = (
    "person_weight",
    "own_successes",
    "before_takeover",
    "before_takeover_weight",
    "outcome",
    "sampling",
    "getting_worse",
    "tolerance",
)
BACKBONE_KEYS = {f.name: rules_of(f).text for f in fields(BackboneSpec) if rules_of(f).offered}


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Raises:
        ConfigError: a value is of another kind or out of range.
    """

    name: str = setting(text="name of the policy, of its folder, and of the run's folder")
    data: tuple[str, ...] = setting(
        text="folders with recordings, or LeRobot datasets on the Hugging Face hub: owner/name", filled=True, alone=True
    )
    episodes: str = setting("", "file with a list of episodes to leave out, or to take: what `neon_control recordings --exclude` writes")
    robot: str = setting("g1.yaml", "robot file")
    mode: str = setting("arms_only", "which parts of the robot the policy moves", choices=tuple(MODES))
    out: str = setting("resource/policies", "folder in which the policy's folder is made")
    cache: str = setting("", "folder for the encoders' features, for recordings that are read-only; without one, beside each recording")
    runs: str = setting("runs", "folder in which the run's folder is made: checkpoints, curves for TensorBoard, report.md")
    resume: str = setting("auto", "auto: go on from the run's newest checkpoint; never: start anew", choices=("auto", "never"))
    seed: int = setting(0, "decides everything random", minimum=0)
    dt: float = setting(0.02, "time between steps of a chunk", minimum=1e-4, maximum=1.0, unit="SECONDS")
    num_steps: int = setting(16, "steps of a chunk", minimum=1)
    max_prefix: int = setting(0, "the most committed steps that a chunk goes on from while the robot moves; 0: it takes none", minimum=0)
    prefix_weights: tuple[float, ...] = setting(
        (), "how often 0, 1 .. max_prefix steps are given in training, as weights; without them half of the samples have none", minimum=0.0
    )
    delay_from: str = setting(
        "",
        "a bag with chunks, or a table that `evaluate` made of one: of the samples that are given steps, half have one of its delays",
    )
    image_fit: str = setting("stretch", "how images get the encoder's aspect ratio", choices=tuple(FITS))
    cameras: tuple[str, ...] = setting((), "which of the robot's cameras the policy looks through; without one, the first")
    combine: str = setting("concatenate", "how the features of several cameras become one vector", choices=COMBINATIONS)
    backbone: Mapping[str, Any] = setting({}, "a Hugging Face model to see with; without one it is EfficientNet-Lite0")
    head: Mapping[str, Any] = setting({}, "the action head: its type, and options that depend on it (defaults in brackets)")
    policy: Mapping[str, Any] = setting({}, "the rest of the action layer")
    augment: Mapping[str, Any] = setting(
        {}, "variants of the images to train on as well, encoded once; without one, the images as they came"
    )
    backend: str = setting("onnx", "what runs the action layer on the robot; torch: for a head that cannot be exported", choices=BACKENDS)
    plugins: tuple[str, ...] = setting((), "Python modules to import first: heads and backbones of your own")
    person_weight: float = setting(1.0, "how often what a person did who took over is drawn, against a demonstration", minimum=0.0)
    own_successes: float = setting(0.0, "how often what the policy did itself is drawn, of recordings marked as success", minimum=0.0)
    before_takeover: float = setting(1.0, "how long before a takeover the policy's own actions count less", minimum=0.0, unit="SECONDS")
    before_takeover_weight: float = setting(0.0, "how much they count then, as a factor on own_successes", minimum=0.0, maximum=1.0)
    outcome: str = setting("all", "which recordings count; none that is marked as discarded does", choices=("all", "successes"))
    sampling: str = setting("", "interventions:0.5 gives what a person did half of the draws; without it, as the weights say")
    init_from: str = setting("", "a policy to start from, of the same mode or a narrower one, whose predictions are kept")
    getting_worse: str = setting(
        "warn",
        "what to do if the policy errs more than init_from on the episodes that that one was validated on; refuse: it is not delivered",
        choices=("warn", "refuse"),
    )
    tolerance: float = setting(0.1, "by which share more it may err there before that is getting worse", minimum=0.0)
    freeze: tuple[str, ...] = setting((), "what is not trained: groups (arms, hands, torso, legs, base), and trunk, which all heads read")
    validation_share: float = setting(0.05, "share of the episodes that is held out", minimum=1e-4, maximum=0.5)
    epochs: int = setting(30, "passes over the data", minimum=1)
    batch_size: int = setting(256, "samples of one step, of all processes together", minimum=1)
    learning_rate: float = setting(1e-3, "the largest one, after the warm-up", minimum=1e-9, maximum=1.0)
    weight_decay: float = setting(0.02, "of AdamW", minimum=0.0, maximum=10.0)
    warmup_share: float = setting(
        0.05, "share of the steps over which the learning rate rises; then it falls as a half cosine", minimum=0.0, maximum=0.9
    )
    gradient_clip: float = setting(1.0, "largest norm of the gradient", minimum=1e-6, maximum=1e6)
    ema_decay: float = setting(0.998, "of the moving average of the weights, which becomes the policy", minimum=0.0, maximum=0.999999)
    speak_tasks: bool = setting(False, "speak what a recording says is to be done, in many voices, where it has no sound")
    camera_dropout: float = setting(0.0, "share of the training samples whose camera counts as unknown", minimum=0.0, maximum=0.9)
    audio_dropout: float = setting(0.0, "share of the training samples whose sound counts as unknown", minimum=0.0, maximum=0.9)
    proprioception_dropout: float = setting(0.0, "share of the training samples whose joints count as unknown", minimum=0.0, maximum=0.9)
    mixed_precision: bool = setting(True, "matrix products in bfloat16, on GPUs and on processors that have it")
    compile: bool = setting(False, "compile the training step with torch.compile: minutes at first, then faster on GPUs")
    device: str = setting("auto", "where to train; auto takes a GPU if there is one", choices=("auto", "cpu", "cuda"))
    threads: int = setting(2, "threads of each process", minimum=1)
    checkpoint_steps: int = setting(200, "steps from one checkpoint to the next", minimum=1)

    def __post_init__(self) -> None:
        check_fields(self)
        _ = self.augmentation  # refused now, not when hours of encoding begin
        if self.name in ("", ".", "..") or Path(self.name).name != self.name:
            raise ConfigError(f"TrainConfig.name becomes the name of folders, so it needs to be one without a path, got {self.name!r}")
        self._check_prefix()
        if self.sampling:
            share_of(self.sampling)
        if self.speak_tasks and not self.listens and not self.backbone.get("audio"):
            raise ConfigError("TrainConfig.speak_tasks needs a policy that listens: policy.use_audio true, or a backbone with audio true")

    def _check_prefix(self) -> None:
        if self.max_prefix >= self.num_steps:
            raise ConfigError(f"TrainConfig.max_prefix must be fewer than num_steps = {self.num_steps}, got {self.max_prefix}")
        if self.max_prefix == 0 and (self.prefix_weights or self.delay_from):
            raise ConfigError("TrainConfig.prefix_weights and delay_from say how many committed steps are given, but max_prefix is 0")
        if self.prefix_weights and (len(self.prefix_weights) != self.max_prefix + 1 or not sum(self.prefix_weights) > 0.0):
            raise ConfigError(
                f"TrainConfig.prefix_weights needs {self.max_prefix + 1} weights, of 0 to max_prefix = {self.max_prefix} steps, not all of "
                f"them 0; got {list(self.prefix_weights)}"
            )

    def backbone_spec(self, robot: Robot | None = None) -> BackboneSpec:
        """The backbone to train on; of `backbone`, the field `model` is needed, and the others of `BACKBONE_KEYS` may be given.

        Args:
            robot: what of its cameras' pictures is seen becomes part of it; None: all.

        Raises:
            ConfigError: an unknown field, or no model.
            PolicyError: there is no such model.
        """
        views = [camera.view for camera in self.cameras_of(robot)] if robot else []
        if not self.backbone:
            spec = BackboneSpec(VISION_ENCODER, vision_revision(), VISION_FEATURES, self.image_fit)
            return spec.looking_at(self.cameras, self.combine, views)
        how = load_fields(BackboneSpec, self.backbone, Place(field="TrainConfig.backbone"), tuple(BACKBONE_KEYS))
        if "model" not in how:
            raise ConfigError(f"TrainConfig.backbone needs 'model', and takes {list(BACKBONE_KEYS)}; got {sorted(self.backbone)}")
        model = how.pop("model")
        if Path(model).expanduser().is_dir():
            model = str(Path(model).expanduser().absolute())  # the policy will lie in another folder
        spec = describe_model(model, Path.cwd(), **how)
        return spec.looking_at(self.cameras, self.combine, views)

    @property
    def augmentation(self) -> Augment | None:
        """What `augment` asks for; ConfigError for an unknown field or a value out of range."""
        return load(Augment, self.augment, Place(field="TrainConfig.augment")) if self.augment else None

    def cameras_of(self, robot: Robot) -> tuple[Camera, ...]:
        """The robot's cameras that the policy looks through, in its order.

        Raises:
            ConfigError: the robot has no camera of such a name; the message has both sides.
        """
        of_robot = {camera.name: camera for camera in robot.cameras}
        if not set(self.cameras) <= set(of_robot):
            raise ConfigError(f"TrainConfig.cameras are {list(self.cameras)}, but robot {robot.name} has {list(of_robot)}")
        return tuple(of_robot[name] for name in self.cameras) or robot.cameras[:1]

    @property
    def listens(self) -> bool:
        """Whether the policy hears; a wrong value is refused where the policy is built."""
        return self.policy.get("use_audio", True) is not False

    def recording_of(self, robot: Robot) -> RecordingConfig:
        """The topics of the robot's recordings, with those of the cameras that the policy looks through."""
        return robot.recording.looking_through(self.cameras_of(robot) if self.cameras else ())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dictionaries."""
        values = asdict(self)
        defaults = {f.name: default_of(f) for f in fields(self)}
        for name in ("augment", "max_prefix", "prefix_weights", "delay_from", *INTERVENTIONS):
            if values[name] == defaults[name]:
                del values[name]  # checkpoints of older versions know nothing of it, and go on
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def share_of(sampling: str) -> float:
    """The number in `interventions:0.5`; ConfigError where it is written otherwise."""
    name, _, number = sampling.partition(":")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if name != "interventions" or not 0.0 < share < 1.0:
        raise ConfigError(f"TrainConfig.sampling must be 'interventions:SHARE' with 0 < SHARE < 1, got {sampling!r}")
    return share


def load_train_config(path: Path, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a YAML file; `overrides` win over it, a mapping's entry by entry. Another type of head drops the options of the file's one.

    Raises:
        ConfigError: not YAML, an unknown field, a missing one, or a value out of range; the message names the file.
    """
    values = read_mapping(path)
    for name, value in (overrides or {}).items():
        held = values.get(name)
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            other_head = name == "head" and value.get("type", held.get("type")) != held.get("type")
            value = dict(value) if other_head else {**held, **value}
        if value is not None:
            values[name] = value
    return load(TrainConfig, values, Place(path))
