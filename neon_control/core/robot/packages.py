"""Where a URDF's files are: `package://NAME/path` as ROS finds packages, `file://`, and paths relative to the URDF.

A package is looked for in the ament index (AMENT_PREFIX_PATH), then in ROS_PACKAGE_PATH, then above the URDF: who has a robot's files
without its workspace has mostly unpacked them as a folder of the package's name, or beside a package.xml that names it. Some makers
publish folders without a package.xml: by its name alone one is taken where none has the manifest.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import read_whole
from neon_control.core.common.paths import prefixes

PACKAGE, FILE = "package://", "file://"
MANIFEST, MAX_MANIFEST = "package.xml", 1 << 20  # [bytes]


class NoPackageError(ConfigError):
    """A package that is nowhere."""


def locate(name: str, near: Path) -> Path:
    """The file that `name` means in a file at `near`; it need not be there. NoPackageError where its package is not."""
    if name.startswith(PACKAGE):
        package, _, rest = name.removeprefix(PACKAGE).partition("/")
        return find_package(package, near) / unquote(rest)
    return near.parent / unquote(name.removeprefix(FILE))  # an absolute path stays what it is


def find_package(name: str, near: Path) -> Path:
    """The folder of a package's shared files; NoPackageError with the places where it was looked for."""
    places = {"AMENT_PREFIX_PATH": _in_ament_index(name), "ROS_PACKAGE_PATH": _in_package_path(name), f"above {near}": _above(name, near)}
    for found in places.values():
        for folder in found:
            return folder
    raise NoPackageError(
        f"{near}: no package '{name}' in {', '.join(places)}; source the workspace that has it, "
        f"or put its folder '{name}' beside or above the URDF's"
    )


def _in_ament_index(name: str) -> Iterator[Path]:
    for prefix in map(Path, prefixes()):
        share = prefix / "share" / name
        if share.is_dir():
            yield share


def _in_package_path(name: str) -> Iterator[Path]:
    folders = [Path(f) for f in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if f]
    yield from (c for folder in folders for c in (folder, folder / name, *folder.glob(f"*/{name}")) if _names(c, name))
    yield from (folder / name for folder in folders if (folder / name).is_dir())


def _above(name: str, near: Path) -> Iterator[Path]:
    for folder in near.resolve().parents:
        for candidate in (folder / name, folder):
            if _names(candidate, name) or (candidate.name == name and candidate.is_dir()):
                yield candidate


def _names(folder: Path, name: str) -> bool:
    """Whether the folder's package.xml is that of the package."""
    with suppress(OSError, ValueError, LookupError, TypeError, ElementTree.ParseError):
        found = ElementTree.fromstring(read_whole(folder / MANIFEST, MAX_MANIFEST)).findtext("name")
        return found is not None and found.strip() == name
    return False
