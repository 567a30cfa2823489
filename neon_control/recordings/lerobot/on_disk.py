"""Where a LeRobot dataset lies on this computer, and by what it is known; needs none of what reads it."""

from __future__ import annotations

import os
from pathlib import Path

from neon_control.core.common.errors import ConfigError, PolicyError
from neon_control.runtime.encoders.hub import download, is_repository

INFO = Path("meta/info.json")  # below its folder


def on_disk(root: Path) -> Path:
    """A root, or what LeRobot or the hub's own client keeps of a repository that is called so.

    Raises:
        ConfigError: it has the form of a repository's name, and cannot be had from the hub.
    """
    name = str(root)
    if root.exists() or not is_repository(name):
        return root
    home = os.environ.get("HF_LEROBOT_HOME") or os.path.join(os.environ.get("HF_HOME", "~/.cache/huggingface"), "lerobot")
    kept = Path(home).expanduser() / name
    if (kept / INFO).is_file():
        return kept
    try:
        return download("dataset", name)
    except PolicyError as error:
        raise ConfigError(f"no such file or folder: {root.absolute()}; nor a dataset on the hub: {error}") from error
