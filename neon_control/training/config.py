"""What a training run needs to know: a frozen dataclass, filled from one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from neon_control.core.errors import ConfigError
from neon_control.core.yaml_file import read_mapping
from neon_control.runtime.preprocessing import FITS


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
    seed: int = 0
    dt: float = 0.02  # [s] between steps of a chunk
    image_fit: str = "stretch"  # how images get the encoder's aspect ratio, one of runtime.preprocessing.FITS
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

        if self.image_fit not in FITS:
            raise ConfigError(f"TrainConfig.image_fit must be one of {list(FITS)}, got {self.image_fit!r}")

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
