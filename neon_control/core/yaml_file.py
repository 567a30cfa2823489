"""Reading the YAML files that people write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neon_control.core.errors import ConfigError


def read_mapping(file: Path) -> dict[str, Any]:
    """The mapping at the top level of a YAML file, read with the safe loader.

    Raises:
        ConfigError: not YAML, or something else at the top level; the message names the file.
    """
    try:
        data = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: expected a mapping at the top level, got {type(data).__name__}")
    return data
