"""xacro files: most robots' URDFs are published as such, and are URDFs only once they are expanded.

The package `xacro` does that where it is installed. The result lies in a folder of this process, which is removed at its end: all who read
URDFs then read that file, and `source_of` tells them which one people edit.
"""

from __future__ import annotations

import atexit
import importlib
import shlex
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from neon_control.core.common.errors import ConfigError
from neon_control.core.common.files import read_whole
from neon_control.core.robot.packages import NoPackageError, find_package

MAX_BYTES = 4 << 20  # of a URDF or xacro file
_sources: dict[Path, Path] = {}  # expanded file -> what it was made of


def is_xacro(robot: ElementTree.Element) -> bool:
    """Whether something in an XML tree is still to be expanded; a URDF that xacro has made may keep the name space."""
    return any(
        isinstance(element.tag, str) and ((element.tag.startswith("{") and "xacro}" in element.tag) or _is_open(element))
        for element in robot.iter()
    )


def _is_open(element: ElementTree.Element) -> bool:
    return any("${" in value or "$(" in value for value in element.attrib.values())


def is_xacro_file(file: Path) -> bool:
    """The same of a file; False where it cannot be read, which its reader tells."""
    try:
        return is_xacro(ElementTree.fromstring(read_whole(file, MAX_BYTES)))
    except (ElementTree.ParseError, OSError, ValueError, LookupError, TypeError):
        return False


def command(file: Path, arguments: Mapping[str, str]) -> str:
    """What people type to expand a file."""
    plain = file.with_name(file.name.removesuffix(".xacro").removesuffix(".urdf") + ".urdf")
    given = "".join(f" {shlex.quote(f'{name}:={value}')}" for name, value in arguments.items())
    return f"xacro {shlex.quote(str(file))}{given} -o {shlex.quote(str(plain if plain != file else file.with_suffix('.expanded.urdf')))}"


def expand(file: Path, arguments: Mapping[str, str]) -> Path:
    """A URDF file with the content of a xacro file.

    Raises:
        ConfigError: `xacro` is not installed, or cannot expand the file; the message has the command that does it by hand.
    """
    by_hand = f"by hand, and name its output as `urdf`: {command(file, arguments)}"
    try:  # by name: it need not be there, and `core` needs numpy and yaml only
        xacro, substitution_args = (importlib.import_module(name) for name in ("xacro", "xacro.substitution_args"))
    except ImportError as error:
        text = f"{file}: a xacro file, and the package xacro is not installed: pip install xacro; or expand it {by_hand}"
        raise ConfigError(text) from error
    try:
        with _finding_packages(substitution_args, file):
            text = xacro.process_file(str(file), mappings=dict(arguments)).toprettyxml(indent="  ")
    except Exception as error:  # whatever the expressions in the file raise
        if (missing := _missing_package(error)) is not None:
            raise missing from None
        told = f"{type(error).__name__}: {error}".strip()
        raise ConfigError(
            f"{file}: a xacro file that cannot be expanded with the `urdf_arguments` {dict(arguments)}: {told}; try {by_hand}"
        ) from error
    expanded = Path(tempfile.mkdtemp(dir=_folder())) / f"{file.name.removesuffix('.xacro').removesuffix('.urdf')}.urdf"
    expanded.write_text(text, encoding="utf-8")
    _sources[expanded] = file
    return expanded


def _missing_package(error: BaseException | None) -> NoPackageError | None:
    """What `$(find NAME)` raised: xacro wraps it in errors of its own, once or several times."""
    while error is not None and not isinstance(error, NoPackageError):
        error = getattr(error, "exc", None)
    return error


@contextmanager
def _finding_packages(substitution_args: Any, file: Path) -> Iterator[None]:
    """xacro's own `$(find NAME)` knows the ament index only, and needs ROS for that."""
    own, substitution_args._eval_find = substitution_args._eval_find, lambda name: str(find_package(name, file))
    try:
        yield
    finally:
        substitution_args._eval_find = own


def source_of(file: Path) -> Path:
    """The file that people edit: of an expanded one, the xacro file."""
    return _sources.get(file, file)


@cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="neon_control_urdf_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
