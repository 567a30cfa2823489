"""How the nodes are to behave in an evaluation: from a parameter file, or as they were set on the day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from neon_control.core.common.fields import Place, load, setting
from neon_control.core.common.yaml_file import read_mapping
from neon_control.core.control.executor_settings import ExecutorSettings
from neon_control.core.sensing.observation import MAX_SKEW, MaxAge
from neon_control.recordings.bag.bag_file import PARAMETERS_KEY
from neon_control.runtime.policy.likeness import UNLIKE_IMAGES

NODES = ("inference_node", "executor_node")


@dataclass(frozen=True)
class Settings:
    """What an offline run needs of both nodes' parameters."""

    FURTHER_FIELDS: ClassVar[bool] = True

    executor: ExecutorSettings = field(default_factory=ExecutorSettings)
    max_age: MaxAge = field(default_factory=MaxAge)
    max_skew: float = MAX_SKEW
    unlike_images: str = UNLIKE_IMAGES
    backbone_rate_hz: float = setting(10.0, minimum=0.1, maximum=100.0)
    head_rate_hz: float = setting(0.0, minimum=0.0, maximum=100.0)
    prefixes: bool = True
    audio_rate_hz: int = setting(16000, minimum=8000, maximum=192000)
    audio_channels: int = setting(1, minimum=1, maximum=64)
    source: str = "defaults"


def from_file(path: Path) -> Settings:
    """The settings of a parameter file.

    Raises:
        ConfigError: the file is missing or malformed, or a value is wrong.
    """
    sections = read_mapping(path)
    return _settings([sections.get(f"/**/{n}", {}).get("ros__parameters", {}) for n in NODES], source=path.name)


def from_recording(custom: Mapping[str, str]) -> Settings | None:
    """The settings that both nodes had when the bag was recorded; None where it does not tell."""
    texts = [custom.get(PARAMETERS_KEY + n) for n in NODES]
    if None in texts:
        return None
    return _settings([json.loads(t) for t in texts if t], source="the recording")


def _settings(nodes: Sequence[Mapping[str, Any]], source: str) -> Settings:
    inference, executor = (_nested(node) for node in nodes)
    place = Place(f"parameters of {source}")
    return load(Settings, inference, place, executor=load(ExecutorSettings, executor, place), source=source)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by their full names, `joints.method`, or already in groups, which a file may have side by side."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        section = nested
        for group in groups:
            section = section.setdefault(group, {})
        section[last] = section.get(last, {}) | value if isinstance(value, dict) else value
    return nested
