"""How the nodes are to behave in an evaluation: from a parameter file, or as they were set on the day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.control.ensemble import EnsembleSettings
from neon_control.core.control.executor import ExecutorSettings
from neon_control.core.sensing.observation import MaxAge
from neon_control.recordings.bag.bag_file import PARAMETERS_KEY


@dataclass(frozen=True)
class Settings:
    """What an offline run needs of both nodes' parameters."""

    executor: ExecutorSettings = field(default_factory=ExecutorSettings)
    max_age: MaxAge = field(default_factory=MaxAge)
    backbone_rate_hz: float = 10.0
    head_rate_hz: float = 0.0
    audio_rate_hz: int = 16000
    audio_channels: int = 1
    source: str = "defaults"


def from_file(path: Path) -> Settings:
    """The settings of a parameter file.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    sections = read_mapping(path)
    nodes = [_flat(sections.get(f"/**/{n}", {}).get("ros__parameters", {})) for n in ("inference_node", "executor_node")]
    return _settings(path.name, *nodes)


def from_recording(custom: Mapping[str, str]) -> Settings | None:
    """The settings that both nodes had when the bag was recorded; None where it does not tell."""
    texts = [custom.get(PARAMETERS_KEY + n) for n in ("inference_node", "executor_node")]
    if None in texts:
        return None
    return _settings("the recording", *(json.loads(t) for t in texts if t))


def _settings(source: str, inference: Mapping[str, Any], executor: Mapping[str, Any]) -> Settings:
    ages = {f.name: inference[f"max_age.{f.name}"] for f in fields(MaxAge) if f"max_age.{f.name}" in inference}
    streams = {
        stream: EnsembleSettings(
            **{f.name: executor[f"{stream}.{f.name}"] for f in fields(EnsembleSettings) if f"{stream}.{f.name}" in executor}
        )
        for stream in ("joints", "base")
    }
    plain: dict[str, Any] = {f.name: executor[f.name] for f in fields(ExecutorSettings) if f.name in executor}
    own = ("backbone_rate_hz", "head_rate_hz", "audio_rate_hz", "audio_channels")
    try:
        return Settings(
            ExecutorSettings(**(plain | streams)), MaxAge(**ages), **{n: inference[n] for n in own if n in inference}, source=source
        )
    except TypeError as error:
        raise ConfigError(f"parameters of {source}: {error}") from error


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
