"""The shapes of a URDF's links as data: spheres, cylinders, boxes. Of a mesh, the box around its vertices.

Meshes are read as STL (binary or text) and OBJ, which say their vertices plainly; other formats count as not there. What cannot be read
is told, because a guard that leaves out a link in silence is worse than none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.kinematics import rotation_of
from neon_control.core.robot.packages import locate
from neon_control.core.robot.xacro_file import source_of

MAX_MESH = 64 << 20  # [bytes] a larger file is no collision shape
STL_HEADER, STL_TRIANGLE = 84, np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("attribute", "<u2")])


@dataclass(frozen=True)
class Shape:
    """A sphere, cylinder or box in its link."""

    link: str
    kind: str  # sphere, cylinder or box
    pose: np.ndarray  # (4, 4) in the link
    size: np.ndarray  # (3,) [m] of a sphere: radius, 0, 0; of a cylinder: radius, length along z, 0; of a box: the edges


def read_shapes(file: Path, visual: bool) -> tuple[list[Shape], dict[str, str]]:
    """The shapes of every link, and the links that have none, with the reason; with `visual`, what is drawn stands in for <collision>.

    Raises:
        ConfigError: the file, or a number in it, cannot be read.
    """
    shapes: list[Shape] = []
    without: dict[str, str] = {}
    try:
        links = ElementTree.parse(file).getroot().findall("link")
    except (OSError, ElementTree.ParseError) as error:
        raise ConfigError(f"{file}: {error}") from error
    for link in links:
        name = link.get("name", "")
        elements = link.findall("collision") or (link.findall("visual") if visual else [])
        if not elements:
            without[name] = "it has no <collision>"
        for element in elements:
            try:
                shapes.append(_read(file, name, element))
            except _NoShape as reason:
                without[name] = str(reason)
            except ValueError as error:
                raise ConfigError(f"{file}: link {name}: {element.tag}: {error}") from error
    return shapes, without


class _NoShape(Exception):
    """Why there is nothing to fit to."""


def _read(file: Path, link: str, element: ElementTree.Element) -> Shape:
    pose = np.eye(4)
    origin = element.find("origin")
    if origin is not None:
        pose[:3, :3] = rotation_of(_numbers(origin, "rpy", 3, "0 0 0"))
        pose[:3, 3] = _numbers(origin, "xyz", 3, "0 0 0")
    geometry = element.find("geometry")
    for shape in () if geometry is None else geometry:
        if shape.tag == "sphere":
            return Shape(link, "sphere", pose, np.append(_sizes(shape, "radius", 1), [0.0, 0.0]))
        if shape.tag == "cylinder":
            return Shape(link, "cylinder", pose, np.array([*_sizes(shape, "radius", 1), *_sizes(shape, "length", 1), 0.0]))
        if shape.tag == "box":
            return Shape(link, "box", pose, _sizes(shape, "size", 3))
        if shape.tag == "mesh":
            vertices = _vertices(_locate(file, shape.get("filename", ""))) * _numbers(shape, "scale", 3, "1 1 1")
            lower, upper = vertices.min(axis=0), vertices.max(axis=0)
            shift = np.eye(4)
            shift[:3, 3] = 0.5 * (lower + upper)
            return Shape(link, "box", pose @ shift, np.maximum(upper - lower, 1e-6))
    raise _NoShape("its <geometry> holds no sphere, cylinder, box or mesh")


def _numbers(element: ElementTree.Element, attribute: str, count: int, default: str = "") -> np.ndarray:
    """(count,) finite numbers; ValueError otherwise."""
    text = element.get(attribute, default)
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{element.tag} {attribute} needs {count} finite numbers, got '{text[:80]}'")
    return numbers


def _sizes(element: ElementTree.Element, attribute: str, count: int) -> np.ndarray:
    numbers = _numbers(element, attribute, count)
    if not (numbers > 0.0).all():
        raise ValueError(f"{element.tag} {attribute} needs numbers > 0, got {numbers.tolist()}")
    return numbers


def _locate(file: Path, name: str) -> Path:
    """Where a mesh lies, see `packages.py`."""
    try:
        found = locate(name, source_of(file))
    except ConfigError as error:
        raise _NoShape(str(error)) from error
    if not found.is_file():
        raise _NoShape(f"its mesh {name!r} is not at {found}")
    if found.stat().st_size > MAX_MESH:
        raise _NoShape(f"its mesh {found} is larger than {MAX_MESH >> 20} MiB")
    return found


def _vertices(file: Path) -> np.ndarray:
    """(V, 3) in the units of the file."""
    data = file.read_bytes()
    kind = file.suffix.lower()
    if kind == ".stl" and len(data) >= STL_HEADER:
        count = int.from_bytes(data[STL_HEADER - 4 : STL_HEADER], "little")
        if len(data) == STL_HEADER + count * STL_TRIANGLE.itemsize and count:  # how a binary file is told from one in text
            return _finite(file, np.frombuffer(data, STL_TRIANGLE, count, STL_HEADER)["vertices"].reshape(-1, 3))
    word = {".stl": b"vertex", ".obj": b"v"}.get(kind)
    if word is None:
        raise _NoShape(f"its mesh {file} is neither STL nor OBJ")
    rows = [parts[1:4] for parts in map(bytes.split, data.splitlines()) if parts[:1] == [word]]
    try:
        vertices = np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise _NoShape(f"its mesh {file} has a vertex that is not three numbers") from error
    return _finite(file, vertices)


def _finite(file: Path, vertices: np.ndarray) -> np.ndarray:
    if not len(vertices) or not np.isfinite(vertices).all():
        raise _NoShape(f"its mesh {file} has no vertices, or some that are not finite")
    return vertices.astype(np.float64)
