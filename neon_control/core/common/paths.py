"""Where the package's own files are, in a checkout, a pip installation and a colcon workspace."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from neon_control.core.common.errors import ConfigError

PACKAGE = "neon_control"


def prefixes() -> list[str]:
    """Where ROS packages may be installed: the ament prefixes of a sourced workspace, then the Python environment."""
    return [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]


def share_directory() -> Path:
    """The folder that holds `config/`, `launch/` and `resource/`.

    A checkout (also `pip install -e` and `colcon build --symlink-install`) wins, so that edits take
    effect; then the ament prefixes of a sourced workspace; then the environment of a plain `pip install`.
    """
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "package.xml").is_file():
        return checkout
    for prefix in prefixes():
        share = Path(prefix) / "share" / PACKAGE
        if (share / "config").is_dir():
            return share
    raise ConfigError(
        f"cannot find share/{PACKAGE}: looked beside {checkout} and in {prefixes()} (AMENT_PREFIX_PATH and this Python environment); "
        "install the package with pip, or source the workspace's setup file"
    )


def cache_directory() -> Path:
    """The user's folder for what can be made anew at any time; the same as platformdirs', which `core` does without."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given else Path.home() / ".cache") / PACKAGE


def find_file(name: str | Path, folder: str = "") -> Path:
    """Resolve a file or folder that a user named.

    An existing path (relative to the working directory, or absolute) is taken as it is; otherwise the name is looked up in
    the package's share folder, under `folder` if given (`find_file("g1.yaml", "config")`).

    Raises:
        ConfigError: neither exists; the message lists both places.
    """
    given = Path(name).expanduser()
    if given.exists():
        return given.resolve()
    shared = share_directory() / folder / given
    if not given.is_absolute() and shared.exists():
        return shared.resolve()
    raise ConfigError(f"no such file: {name} (looked at {given.absolute()} and {shared})")
