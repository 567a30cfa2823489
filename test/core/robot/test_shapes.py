"""Shapes of a URDF: every kind, meshes in three encodings, and reasons for what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neon_control.core.common.errors import ConfigError
from neon_control.core.robot.shapes import read_shapes

CORNERS = np.array([[0.0, 0.0, 0.0], [0.2, 0.0, 0.0], [0.0, 0.4, 0.6]])


def urdf(folder: Path, *geometries: str, tag: str = "collision") -> Path:
    links = [
        f'<link name="l{n}"><{tag}><origin xyz="0 0 1" rpy="0 0 1.5708"/><geometry>{geometry}</geometry></{tag}></link>'
        for n, geometry in enumerate(geometries)
    ]
    file = folder / "robot.urdf"
    file.write_text(f"<robot name='r'>{''.join(links)}</robot>")
    return file


def write_mesh(file: Path) -> None:
    if file.suffix == ".obj":
        file.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS) + "vn 9 9 9\nf 1 2 3\n")
    elif file.stem == "text":
        file.write_text("solid s\n" + "".join(f"  vertex {x} {y} {z}\n" for x, y, z in CORNERS) + "endsolid\n" + " " * 84)
    else:
        triangle = np.zeros(1, np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")]))
        triangle["v"] = CORNERS
        file.write_bytes(b"solid that is binary".ljust(80) + (1).to_bytes(4, "little") + triangle.tobytes())


def test_every_kind_of_shape_has_its_size_and_pose(tmp_path: Path) -> None:
    file = urdf(tmp_path, '<sphere radius="0.1"/>', '<cylinder radius="0.1" length="0.3"/>', '<box size="0.1 0.2 0.3"/>')
    shapes, without = read_shapes(file, visual=False)

    assert [(s.link, s.kind, s.size.tolist()) for s in shapes] == [
        ("l0", "sphere", [0.1, 0.0, 0.0]),
        ("l1", "cylinder", [0.1, 0.3, 0.0]),
        ("l2", "box", [0.1, 0.2, 0.3]),
    ]
    assert shapes[0].pose @ [1.0, 0.0, 0.0, 1.0] == pytest.approx([0.0, 1.0, 1.0, 1.0], abs=1e-5)
    assert not without


@pytest.mark.parametrize("name", ["binary.stl", "text.stl", "mesh.obj"])
def test_a_mesh_becomes_the_box_around_its_vertices(tmp_path: Path, name: str) -> None:
    write_mesh(tmp_path / name)
    (shape,), _ = read_shapes(urdf(tmp_path, f'<mesh filename="{name}" scale="1 1 0.5"/>'), visual=False)

    assert shape.size == pytest.approx([0.2, 0.4, 0.3])
    assert shape.pose[:3, 3] == pytest.approx([-0.2, 0.1, 1.15], abs=1e-5)  # its centre, a quarter turned and a metre up


def test_a_mesh_is_found_in_a_package_of_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "share" / "arm").mkdir(parents=True)
    write_mesh(tmp_path / "share" / "arm" / "a.stl")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    shapes, _ = read_shapes(urdf(tmp_path, '<mesh filename="package://arm/a.stl"/>'), visual=False)

    assert len(shapes) == 1


def test_a_link_that_cannot_be_guarded_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.dae").write_text("<COLLADA/>")
    (tmp_path / "broken.obj").write_text("v 1 2\n")
    names = ["nowhere.stl", "a.dae", "broken.obj"]
    shapes, without = read_shapes(urdf(tmp_path, *(f'<mesh filename="{n}"/>' for n in names)), visual=False)

    assert not shapes
    assert "nowhere.stl" in without["l0"]
    assert "neither STL nor OBJ" in without["l1"]
    assert "not three numbers" in without["l2"]


def test_what_is_drawn_stands_in_only_where_it_is_asked_for(tmp_path: Path) -> None:
    file = urdf(tmp_path, '<sphere radius="0.1"/>', tag="visual")

    assert read_shapes(file, visual=False) == ([], {"l0": "it has no <collision>"})
    assert len(read_shapes(file, visual=True)[0]) == 1


@pytest.mark.parametrize("geometry", ['<sphere radius="nan"/>', '<sphere radius="-1"/>', '<box size="1 2"/>', "<sphere/>"])
def test_a_size_that_is_none_is_refused_with_link_and_element(tmp_path: Path, geometry: str) -> None:
    with pytest.raises(ConfigError, match=r"robot.urdf: link l0: collision: (sphere|box) (radius|size) needs"):
        read_shapes(urdf(tmp_path, geometry), visual=False)
